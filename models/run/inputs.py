"""From what a person typed to what a model's forward pass takes, with the limits said at the boundary."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from jaxtyping import Shaped
from torch import Tensor
from transformers import BatchEncoding

from models.errors import BadSelection, BadText, TextTooLong
from models.run.about_model import embedding_rows
from models.run.marks import Marked, is_continued, marked
from models.run.model import AttentionModel, demand_tokenizer, tokenizing
from models.run.tokens import display_tokens
from models.run.translator_languages import Languages, languages, target_language_id

Text = str | tuple[str, str]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text as one model reads it: forward arguments, and per axis ("text", "source", "target") token ids and strings.

    A memory network's axes are "hop" and "memory" beside its text, their labels counted from 0.

    dropped: how many tokens beyond max_tokens were left out. second_start: position of a pair's second sentence.
    """

    inputs: dict[str, Shaped[Tensor, "batch _"]]
    ids: dict[str, tuple[int, ...]]
    tokens: dict[str, tuple[str, ...]]
    dropped: int = 0
    second_start: int | None = None

    @property
    def predicted(self) -> tuple[int, ...]:
        """Ids of the tokens that are foretold each from those before, but for the first: the text's, or the target's."""
        return self.ids.get("target", self.ids.get("text", ()))


def listed_texts(texts: str | Sequence[str]) -> tuple[str, ...]:
    """One text or several, as several. Raises BadText where none came, or something else."""
    came: Any = texts
    given: tuple[Any, ...] | None = None
    if isinstance(came, Sequence):
        given = (came,) if isinstance(came, str) else tuple(cast(Sequence[Any], came))
    # A pair of sentences is a text, too, an encoder's; and so is one that is encoded already.
    if given is None or not all(isinstance(one, str | tuple | Encoded) for one in given):
        raise BadText(f"Texts are a string or a list of strings, but {texts!r:.60} came; give one or more.")
    if not given:
        raise BadText("One text or more is needed, but none came; give some.")
    return cast(tuple[str, ...], given)


def encode(model: AttentionModel, text: Text, max_tokens: int | None = None) -> Encoded:
    """A text, or a sentence pair for an encoder. Raises BadText, or TextTooLong where max_tokens does not cut it."""
    parts = text if isinstance(text, tuple) else (text,)
    if len(parts) not in (1, 2):
        raise BadText(
            f"A sentence pair is (first, second), but {len(parts)} parts came; give two, or one text."
        )
    for part in parts:
        check_text(part)
        _demand_readable(model, part)
    if len(parts) == 2 and model.geometry.role != "encoder":
        raise BadText(
            f"A sentence pair needs an encoder, but {model.name} is a {model.geometry.role}; give one text."
        )
    pair = parts[1] if len(parts) == 2 else None
    with tokenizing(model) as tokenizer:
        encoding = tokenizer(parts[0], pair, return_tensors="pt")
        given = encoding["input_ids"][0].tolist()
        read = marked(given, given, False) if pair is not None else _marked(model, parts[0], given)
    encoding["input_ids"] = torch.tensor([read.ids])
    total = read.last - read.first
    if total == 0:
        raise BadText("The text holds nothing that this model's tokenizer keeps; type some words.")
    kept = _kept(model, total, max_tokens)
    places = [read.first + place for place in _kept_places(model, read.ids[read.first : read.last], kept)]
    accepted = inspect.signature(model.module.forward).parameters
    given_tensors: dict[str, Tensor] = dict(encoding)
    inputs = {
        name: tensor[:, places].to(model.device) for name, tensor in given_tensors.items() if name in accepted
    }
    listed: Any = inputs["input_ids"][0]
    ids = tuple(map(int, listed.tolist()))
    demand_rows(model, ids)
    with tokenizing(model) as tokenizer:
        tokens = display_tokens(tokenizer, ids, source=model.geometry.role != "decoder")
    own_axes = getattr(model.module, "attention_axes", None)
    axes: dict[str, tuple[str, ...]] = {} if own_axes is None else own_axes(ids, tokens)
    counted = {axis: tuple(range(len(labels))) for axis, labels in axes.items()}
    second = _second_start(encoding, pair, kept)
    return Encoded(inputs, {"text": ids, **counted}, {"text": tokens, **axes}, total - kept, second)


def marks_left_out(model: AttentionModel, text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Special tokens that the tokenizer puts in front of a text and behind it, and that the model does not read here.

    In front, where the text brings them itself, as a pasted chat template's output does; behind, where the text does so or
    the model is to write on. Raises BadText.
    """
    check_text(text)
    with tokenizing(model) as tokenizer:
        read = _marked(model, text, tokenizer(text)["input_ids"])
        return display_tokens(tokenizer, read.begun_twice), display_tokens(tokenizer, read.ended)


def _marked(model: AttentionModel, text: str, ids: list[int]) -> Marked:
    """One text's ids, marked with the source language that was chosen."""
    with tokenizing(model) as tokenizer:
        plain = tokenizer(text, add_special_tokens=False)["input_ids"]
    read = marked(ids, plain, is_continued(model))
    known = languages(model) if model.source_language else None
    if known is None or not known.source:
        return read
    # Not by the tokenizer's own switch: it is one for all who read with this model.
    own, chosen = known.ids[known.source], known.ids[model.source_language]
    inside = range(read.start, read.stop)
    swapped = (
        chosen if number == own and place not in inside else number for place, number in enumerate(ids)
    )
    return replace(read, ids=tuple(swapped))


def count_tokens(model: AttentionModel, text: str, *, max_tokens: int | None = None) -> int:
    """How many tokens of a text the model will read. Raises BadText."""
    check_text(text)
    with tokenizing(model) as tokenizer:
        read = _marked(model, text, tokenizer(text)["input_ids"])
    return _kept(model, read.last - read.first, max_tokens)


def encode_pair(model: AttentionModel, source: str, target: str, max_tokens: int | None = None) -> Encoded:
    """Source and target of an encoder-decoder; the decoder reads the target shifted right, as in training."""
    check_text(source)
    check_text(target)
    given = encode(model, source, max_tokens)
    known = languages(model)
    ids = _target_ids(model, target) if known is None else _translated_ids(model, target, known)
    return with_target(model, given, [decoder_start(model), *ids], max_tokens)


def _target_ids(model: AttentionModel, target: str) -> list[int]:
    with tokenizing(model) as tokenizer:
        ids = tokenizer(text_target=target)["input_ids"]
        plain = tokenizer(text_target=target, add_special_tokens=False)["input_ids"]
    read = marked(ids, plain, False)
    return _without_end(model, list(read.ids[read.first : read.last]))


def _translated_ids(model: AttentionModel, target: str, known: Languages) -> list[int]:
    """Behind the start token, a target with its language in front, as the model is to write it."""
    with tokenizing(model) as tokenizer:
        ids = list(tokenizer(target, add_special_tokens=False)["input_ids"])
    code = model.target_language or known.target or getattr(model.tokenizer, "tgt_lang", None)
    if known.starts or code not in known.ids or ids[:1] == [known.ids[code]]:
        return ids
    return [known.ids[code], *ids]


def with_target(
    model: AttentionModel, given: Encoded, ids: list[int], max_tokens: int | None = None
) -> Encoded:
    """An encoded source with the decoder's token ids beside it."""
    demand_rows(model, ids)
    kept = _kept(model, len(ids), max_tokens)
    dropped, ids = len(ids) - kept, ids[:kept]
    inputs = given.inputs | {"decoder_input_ids": torch.tensor([ids], device=model.device)}
    return Encoded(
        inputs,
        {"source": given.ids["text"], "target": tuple(ids)},
        {"source": given.tokens["text"], "target": display_tokens(demand_tokenizer(model), ids)},
        given.dropped + dropped,
    )


def decoder_start(model: AttentionModel) -> int:
    """The token that an encoder-decoder's target begins with."""
    known, chosen = languages(model), target_language_id(model)
    if known is not None and known.starts and chosen is not None:
        return chosen
    for config in (getattr(model.module, "generation_config", None), model.module.config):
        for name in ("decoder_start_token_id", "bos_token_id", "pad_token_id"):
            token_id: Any = getattr(config, name, None)
            if token_id is not None:
                return int(cast(list[int], token_id)[0] if isinstance(token_id, list) else token_id)
    raise BadText(
        f"{model.name} does not say which token its target begins with; give a model with a generation config."
    )


def check_text(text: str) -> None:
    """Raise BadText for what no tokenizer can read."""
    came: Any = text
    if not isinstance(came, str):
        raise BadText(
            f"A text is a string, but a {type(came).__name__} came where one text is read; give one string."
        )
    if not text.strip():
        raise BadText("The text is empty; type a word or more.")
    for index, character in enumerate(text):
        if 0xD800 <= ord(character) <= 0xDFFF:
            raise BadText(
                f"Character {index} is half of a surrogate pair (U+{ord(character):04X}), which is no character of its "
                "own; delete it and run again."
            )


def _demand_readable(model: AttentionModel, text: str) -> None:
    """Raise BadText for what a model that was trained for one task alone cannot read."""
    own = getattr(model.module, "demand_readable", None)
    if own is not None:
        own(text)


def demand_rows(model: AttentionModel, ids: Iterable[int]) -> None:
    """Raise BadText for tokens that were added to a tokenizer, but not to its model: they have no row in the embedding."""
    rows = embedding_rows(model.module)
    if rows is None:
        return
    beyond = [token_id for token_id in ids if token_id >= rows]
    if beyond:
        piece = demand_tokenizer(model).convert_ids_to_tokens(beyond[0])
        raise BadText(
            f"“{piece}” in this text is token {beyond[0]:,}, but {model.name} has an embedding for tokens 0 to {rows - 1:,} "
            "alone: write the text without it, or resize the model's embedding (resize_token_embeddings)."
        )


def _second_start(encoding: BatchEncoding, pair: str | None, kept: int) -> int | None:
    if pair is None or not encoding.is_fast:
        return None
    owners = encoding.sequence_ids(0)[:kept]
    return owners.index(1) if 1 in owners else None


def _kept_places(model: AttentionModel, ids: Sequence[int], kept: int) -> list[int]:
    """Which tokens stay when a text is cut: its beginning, and the end mark behind it, without which an encoder reads
    a text as it never saw one."""
    marked = (
        model.geometry.role != "decoder" and ids[-1] in demand_tokenizer(model).all_special_ids and kept > 1
    )
    return [*range(kept - 1), len(ids) - 1] if marked else list(range(kept))


def _kept(model: AttentionModel, total: int, max_tokens: int | None) -> int:
    context = model.geometry.context
    if max_tokens is not None and max_tokens < 1:
        raise BadSelection(f"A text cannot be cut to {max_tokens} tokens; pass max_tokens=1 or more.")
    if max_tokens is not None:
        return min(total, max_tokens, context or max_tokens)
    if context is not None and total > context:
        raise TextTooLong(
            f"The text has {total:,} tokens, but {model.name} reads at most {context:,}; shorten it, or pass "
            f"max_tokens={context} to cut it there.",
            tokens=total,
            limit=context,
        )
    return total


def _without_end(model: AttentionModel, ids: list[int]) -> list[int]:
    return ids[:-1] if ids and ids[-1] == demand_tokenizer(model).eos_token_id else ids
