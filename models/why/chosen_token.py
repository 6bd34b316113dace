"""Which token of the vocabulary is meant by what a person gave."""

from __future__ import annotations

import operator
from dataclasses import dataclass

from models.errors import BadSelection
from models.run.model import AttentionModel, tokenizing
from models.run.tokens import display_tokens


@dataclass(frozen=True, slots=True)
class ChosenToken:
    """A token of the vocabulary. note: "", or one sentence: that what was given is several, of which this is the first."""

    token_id: int
    token: str
    note: str = ""


def chosen_token(model: AttentionModel, given: str | int, vocabulary: int) -> ChosenToken:
    """The token that a text is written with, or of an id; the first, where it is several.

    vocabulary: how many tokens the language head knows. Raises BadSelection for what is in no vocabulary.
    """
    if not isinstance(given, str):
        return named_token(model, _known(model, given, vocabulary))
    with tokenizing(model) as tokenizer:
        ids: list[int] = tokenizer(given, add_special_tokens=False)["input_ids"]
        shorter: list[int] = tokenizer(given.removeprefix(" "), add_special_tokens=False)["input_ids"]
        unknown = tokenizer.unk_token_id
    if given.startswith(" ") and len(shorter) < len(ids) and _named(model, shorter[:1]) == given:
        ids = shorter  # it puts a space in front by itself, as SentencePiece does
    if not ids or (ids[0] == unknown and given != _named(model, ids[:1])):
        raise BadSelection(
            f"“{given}” is in {model.name}'s vocabulary neither whole nor in pieces; give another token, or its id."
        )
    first = named_token(model, _known(model, ids[0], vocabulary))
    if len(ids) == 1:
        return first
    note = f"“{given}” is {len(ids)} tokens for {model.name}, so the first of them is meant: “{first.token}”."
    return ChosenToken(first.token_id, first.token, note)


def named_token(model: AttentionModel, token_id: int) -> ChosenToken:
    """A token by its id."""
    return ChosenToken(token_id, _named(model, [token_id]))


def _named(model: AttentionModel, ids: list[int]) -> str:
    if model.tokenizer is None:
        return "".join(f"<{token_id}>" for token_id in ids)
    return "".join(display_tokens(model.tokenizer, ids))


def _known(model: AttentionModel, given: object, vocabulary: int) -> int:
    try:
        token_id = operator.index(given)  # pyright: ignore[reportArgumentType]
    except TypeError:
        raise BadSelection(f"A token is given as its text or its id, but {given!r} came.") from None
    if not 0 <= token_id < vocabulary:
        raise BadSelection(
            f"Token {token_id} is not in {model.name}'s vocabulary, which has tokens 0 to {vocabulary - 1:,}; give one of "
            "those."
        )
    return token_id
