"""The text as a strip of tokens, shaded by the attention that one chosen token pays or gets."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from viz.components.registration import palette, register
from viz.components.selection import on_pick, order
from viz.figures.long_tokens import chip
from viz.figures.packing import pack_weights

Direction = Literal["looks at", "looked at by"]
DIRECTIONS: tuple[Direction, Direction] = ("looks at", "looked at by")

# Up to this many weights the browser gets all of them and answers a click by itself; beyond, one token's at a time.
WHOLE_PATTERN = 512 * 512

_mount = register("token_strip")


class TokenPick(NamedTuple):
    """A chosen token. place: among the queries for "looks at", among the keys for "looked at by"."""

    place: int
    direction: Direction = "looks at"


def token_strip(
    tokens: Sequence[str],
    weights: Any,
    *,
    key: str,
    selected: TokenPick,
    key_tokens: Sequence[str] | None = None,
    skip_first: bool = False,
    max_height: int = 190,
    on_select: Callable[[TokenPick], None] | None = None,
) -> TokenPick | None:
    """Show the strip, and return what was picked in the browser in this very run, else None.

    tokens: the query tokens as text. key_tokens: the keys where they are another text (cross-attention); two strips
        are shown then, and a click in the second asks who looks at that token.
    weights: one head's pattern [query, key], 0 to 1.
    selected: the token shown as chosen; see `head_wall` for how it goes with the browser's own selection.
    skip_first: leave the first key out of the shading, as most heads rest on it and it drowns the others.
    max_height: CSS pixels; longer texts scroll inside.
    on_select: called with the pick before the script runs again.
    """
    keys = tokens if key_tokens is None else key_tokens
    pattern = np.asarray(weights)
    if pattern.shape != (len(tokens), len(keys)):
        raise ValueError(
            f"expected weights [{len(tokens)}, {len(keys)}], one a token pair, got {list(pattern.shape)}"
        )
    length = {"looks at": len(tokens), "looked at by": len(keys)}
    if selected.direction not in length or not 0 <= selected.place < length[selected.direction]:
        raise ValueError(
            f"token {selected.place} ({selected.direction}) is none of {len(tokens)} x {len(keys)} tokens"
        )

    def read(raw: Any) -> TokenPick | None:
        match raw:
            case [int(index), "looks at" | "looked at by" as direction] if 0 <= index < length[direction]:
                return TokenPick(index, direction)
        return None

    data = {
        "key": key,
        "palette": palette(),
        "queries": _described(tokens),
        "keys": None if key_tokens is None else _described(key_tokens),
        "weights": _sent(pattern, selected),
        "skipFirst": skip_first,
        "maxHeight": max_height,
        "selection": order(key, selected),
    }
    result = _mount(key=key, data=data, on_pick_change=on_pick(key, read, on_select))
    return read(result.get("pick"))


def _described(tokens: Sequence[str]) -> list[dict[str, Any]]:
    return [chip(token) | {"breaks": "\n" in token} for token in tokens]


def _sent(pattern: np.ndarray, selected: TokenPick) -> dict[str, Any]:
    if pattern.size <= WHOLE_PATTERN:
        return {"full": pack_weights(pattern)}
    line = pattern[selected.place] if selected.direction == "looks at" else pattern[:, selected.place]
    return {"line": pack_weights(line), "of": selected}
