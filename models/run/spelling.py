"""How a tokenizer spells its pieces, found by what its decoder makes of them: a text may look like any spelling."""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

from transformers import PreTrainedTokenizerBase

Spelling = Literal[
    "bytes", "byte level", "hex bytes", "byte fallback", "spaces marked", "word ends marked", "pieces"
]

SPACE = "\u2581"  # SentencePiece writes a space so
WORD_END = "</w>"  # how the BPE of the first GPT, XLM and CLIP ends a word
_BYTE = re.compile("<0x([0-9A-F]{2})>")  # how SentencePiece names the bytes of what it has no piece for
# In each spelling, pieces of a text that only its own decoder puts together so.
_PROOFS: tuple[tuple[Spelling, tuple[str, str], str], ...] = (
    ("bytes", ("\xc3", "\x80"), "À"),  # ByT5, Perceiver: the character with the byte's number
    ("byte level", ("\u00c3", "\u0122"), "À"),
    ("hex bytes", ("c3", "80"), "À"),  # MyT5
    ("byte fallback", ("<0xC3>", "<0x80>"), "À"),
    ("spaces marked", ("a", f"{SPACE}b"), "a b"),
    ("word ends marked", (f"a{WORD_END}", f"b{WORD_END}"), "a b"),
    ("pieces", ("a", "##b"), "ab"),  # WordPiece
)


def spellings(tokenizer: PreTrainedTokenizerBase) -> frozenset[Spelling]:
    """All that a tokenizer's decoder undoes: SentencePiece marks spaces and may fall back to bytes. Empty where nothing is
    known of it."""
    found: set[Spelling] = {
        name for name, pieces, text in _PROOFS if _joined(tokenizer, pieces).strip(" ") == text
    }
    return frozenset(found or _spelled_without_decoder(tokenizer))


def characters(piece: str, spelled: frozenset[Spelling]) -> str | None:
    """A piece as the text that it stands for; bytes that make no character alone as `<C3>`. None where the spelling has no
    such piece, or is not known."""
    if "bytes" in spelled:
        return _shown(piece.encode("latin-1")) if len(piece) == 1 and ord(piece) < 256 else None
    if "byte level" in spelled:
        table = _byte_of_symbol()
        known = all(symbol in table for symbol in piece)
        return _shown(bytes(table[symbol] for symbol in piece)) if known else piece
    if "hex bytes" in spelled:
        return _shown(bytes.fromhex(piece))
    if "byte fallback" in spelled and (byte := _BYTE.fullmatch(piece)):
        return _shown(bytes.fromhex(byte[1]))
    if spelled & {"spaces marked", "byte fallback"}:
        return piece.replace(SPACE, " ")
    if "word ends marked" in spelled:
        return re.sub(f"{re.escape(WORD_END)}$", " ", piece)
    return piece if "pieces" in spelled else None


def _joined(tokenizer: PreTrainedTokenizerBase, pieces: tuple[str, str]) -> str:
    try:
        return str(tokenizer.convert_tokens_to_string(list(pieces)))
    except Exception:  # a tokenizer may refuse what it would never write
        return ""


def _spelled_without_decoder(tokenizer: PreTrainedTokenizerBase) -> set[Spelling]:
    """A fast tokenizer's file may leave the decoder out; what cuts its text tells the same."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or backend.decoder is not None:
        return set()
    if type(backend.model).__name__ == "WordPiece":
        return {"pieces"}
    steps = b" ".join(part.__getstate__() for part in (backend.normalizer, backend.pre_tokenizer) if part)
    if b'"ByteLevel"' in steps:
        return {"byte level"}
    spaced = b'"Metaspace"' in steps or SPACE.encode() in steps
    fallback = getattr(backend.model, "byte_fallback", False)
    names: dict[Spelling, bool] = {"spaces marked": spaced, "byte fallback": fallback}
    return {name for name, holds in names.items() if holds}


def _shown(raw: bytes) -> str:
    """Whole characters as they are, the bytes of others by number; what follows one another in one pair of brackets."""
    parts: list[str] = []
    while raw:
        try:
            return "".join([*parts, raw.decode()])
        except UnicodeDecodeError as error:
            parts.append(raw[: error.start].decode())
            end = error.start + 1
            while end < len(raw) and not _begins_character(raw[end:]):
                end += 1
            parts.append("<" + raw[error.start : end].hex(" ").upper() + ">")
            raw = raw[end:]
    return "".join(parts)


def _begins_character(raw: bytes) -> bool:
    for size in range(1, 5):
        try:
            return bool(raw[:size].decode())
        except UnicodeDecodeError:
            continue
    return False


@cache
def _byte_of_symbol() -> dict[str, int]:
    """Byte-level BPE writes printable Latin-1 bytes as themselves and the others from U+0100 on (GPT-2, 2019)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}
