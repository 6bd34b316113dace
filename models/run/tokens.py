"""Token ids as strings to show: what the model read, one string a token, nothing hidden and nothing merged."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any, cast

from transformers import PreTrainedTokenizerBase

from models.run.spelling import Spelling, characters, spellings
from models.run.tokenizer_turns import alone_with

REPLACEMENT = "\ufffd"
_UNPRINTABLE = {"Cc", "Cn", "Co", "Cs"}


def display_tokens(
    tokenizer: PreTrainedTokenizerBase, ids: Sequence[int], *, source: bool = False
) -> tuple[str, ...]:
    """One string a token. A leading space stays a space; a token that is part of a character is shown as its bytes.

    source: whether an encoder reads them, where a translator's tokenizer has a vocabulary for each of its two languages
    (Marian's separate_vocabs, FSMT); of all others both are one.
    """
    with alone_with(tokenizer):
        return tuple(_shown(tokenizer, ids, source))


def _shown(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int], source: bool) -> Iterator[str]:
    spelled = spellings(tokenizer)
    special, added = _special(tokenizer), _added(tokenizer)
    own = _own_vocabulary(tokenizer, source)
    for token_id in map(int, ids):
        piece = _piece(tokenizer, token_id) if own is None else own.get(token_id)
        if piece is None:
            yield f"<unused {token_id}>"
        elif piece in special:
            yield special[piece]
        elif own is None and token_id in added:  # matched in the text before the tokenizer spells anything
            yield piece
        else:
            yield _spelled(tokenizer, token_id, piece, spelled)


def _piece(tokenizer: PreTrainedTokenizerBase, token_id: int) -> str | None:
    try:
        piece = tokenizer.convert_ids_to_tokens(token_id)
    except (
        IndexError,
        KeyError,
        ValueError,
        OverflowError,
    ):  # not every tokenizer answers None for what it lacks
        return None
    return piece if isinstance(piece, str) else None


def _spelled(
    tokenizer: PreTrainedTokenizerBase, token_id: int, piece: str, spelled: frozenset[Spelling]
) -> str:
    if spelled:
        text = characters(piece, spelled)
        return f"<unused {token_id}>" if text is None else text
    decoding: Any = tokenizer
    text = str(decoding.decode([token_id], clean_up_tokenization_spaces=False))
    return piece if REPLACEMENT in text else text or piece


def _special(tokenizer: PreTrainedTokenizerBase) -> dict[str, str]:
    """How each special token is shown: as it is spelled, or by its role where that is no writing (CANINE)."""
    roles = {str(token): name.removesuffix("_token") for name, token in tokenizer.special_tokens_map.items()}
    return {
        token: f"<{roles[token]}>" if token in roles and not _printable(token) else token
        for token in tokenizer.all_special_tokens
    }


def _printable(token: str) -> bool:
    return not any(unicodedata.category(character) in _UNPRINTABLE for character in token)


def _added(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Tokens that were added as text; not pieces of the vocabulary that are listed as added, too (Gemma's runs of spaces)."""
    listed = tokenizer.added_tokens_decoder
    if not tokenizer.is_fast:
        return set(listed)
    backend: Any = tokenizer.backend_tokenizer
    vocabulary = backend.model
    return {number for number, token in listed.items() if vocabulary.token_to_id(token.content) != number}


def _own_vocabulary(tokenizer: PreTrainedTokenizerBase, source: bool) -> dict[int, str] | None:
    """Token of each id in the vocabulary of one side, where a tokenizer writes with another than it reads with."""
    reads, writes = getattr(tokenizer, "encoder", None), getattr(tokenizer, "decoder", None)
    if not isinstance(reads, dict) or not isinstance(writes, dict):
        return None
    read = {number: token for token, number in cast(dict[str, int], reads).items()}
    written = cast(dict[int, str], writes)
    if read == written:
        return None
    return read if source else written
