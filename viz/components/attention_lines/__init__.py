"""One head's attention as lines from the tokens on the left to the tokens they look at on the right."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from viz.components.registration import palette, register
from viz.figures.long_tokens import whole
from viz.figures.packing import pack_weights
from viz.figures.token_text import label as token_label

# More tokens than this make a picture of lines that nobody can read.
MOST_TOKENS = 512
LABEL_CHARACTERS = 24

_mount = register("attention_lines")


def attention_lines(
    query_tokens: Sequence[str],
    weights: Any,
    *,
    key: str,
    key_tokens: Sequence[str] | None = None,
    skip_first: bool = False,
    max_height: int = 560,
    label: str = "Attention as lines; up and down choose a token, left and right its side, Escape shows all",
) -> None:
    """Show the lines of one head. Hovering a token shows its lines alone, a click keeps them.

    weights: one head's pattern [query, key], 0 to 1; at most `MOST_TOKENS` on either side.
    key_tokens: the keys where they are another text (cross-attention).
    skip_first: what the switch "leave out the first token" starts with, and turns to when this changes.
    max_height: CSS pixels; longer texts scroll inside.
    """
    keys = query_tokens if key_tokens is None else key_tokens
    pattern = np.asarray(weights)
    if pattern.shape != (len(query_tokens), len(keys)):
        expected = f"[{len(query_tokens)}, {len(keys)}]"
        raise ValueError(f"expected weights {expected}, one a token pair, got {list(pattern.shape)}")
    if max(pattern.shape) > MOST_TOKENS:
        raise ValueError(
            f"expected at most {MOST_TOKENS} tokens, got {max(pattern.shape)}: show a part of the text"
        )
    data = {
        "palette": palette(),
        "label": label,
        "queries": [token_label(token, LABEL_CHARACTERS) for token in query_tokens],
        "keys": [token_label(token, LABEL_CHARACTERS) for token in keys],
        "whole": [_cut(query_tokens), _cut(keys)],
        "weights": pack_weights(pattern),
        "skipFirst": skip_first,
        "maxHeight": max_height,
    }
    _mount(key=key, data=data)


def _cut(tokens: Sequence[str]) -> dict[int, str]:
    """The whole of each token whose label leaves something out, by its position."""
    whole_tokens = {index: whole(token) for index, token in enumerate(tokens)}
    return {index: text for index, text in whole_tokens.items() if len(text) > LABEL_CHARACTERS}
