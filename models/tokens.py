"""Token ids as strings to show: what the model read, one string a token, nothing hidden and nothing merged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from transformers import PreTrainedTokenizerBase

REPLACEMENT = "\ufffd"
_BYTE_FALLBACK = re.compile(
    "<0x[0-9A-F]{2}>"
)  # how SentencePiece names the bytes of what it has no piece for


def display_tokens(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> tuple[str, ...]:
    """One string a token. A leading space stays a space; a token that is part of a character is shown as its bytes."""
    raw = tokenizer.convert_ids_to_tokens(list(ids))
    return tuple(_display(tokenizer, token_id, piece) for token_id, piece in zip(ids, raw, strict=True))


def _display(tokenizer: PreTrainedTokenizerBase, token_id: int, raw: str | None) -> str:
    if raw is None:
        return f"<unused {token_id}>"
    if raw.startswith("##") or token_id in tokenizer.all_special_ids:
        return raw
    if "\u2581" in raw:  # SentencePiece marks a space so; decoding a single token would drop it
        return raw.replace("\u2581", " ")
    text = str(tokenizer.decode([token_id], clean_up_tokenization_spaces=False))
    if REPLACEMENT in text:
        return f"<{raw[3:5]}>" if _BYTE_FALLBACK.fullmatch(raw) else _as_bytes(raw)
    return text or raw


def _as_bytes(raw: str) -> str:
    """A byte-level piece that is no whole character, as `<F0 9F>`."""
    table = _byte_of_symbol()
    if any(symbol not in table for symbol in raw):
        return raw
    return "<" + " ".join(f"{table[symbol]:02X}" for symbol in raw) + ">"


@cache
def _byte_of_symbol() -> dict[str, int]:
    """Byte-level BPE writes printable Latin-1 bytes as themselves and the others from U+0100 on (GPT-2, 2019)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}
