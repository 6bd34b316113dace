"""What a layer's cache holds, as a picture: tokens downwards, cached numbers to the right; a cell is chosen in the browser."""

import base64
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from viz import theme
from viz.components.registration import palette, register
from viz.components.selection import on_pick, order
from viz.figures.long_tokens import chip

# Up to this many numbers each is sent in 16 bits, which three significant digits need; beyond it in 8.
PRECISE = 512 * 640
# The colours end where all but this share of the numbers are smaller in size: one outlier would pale all others.
OUTLIERS = 0.005

_mount = register(
    "cache_map", "layout.js", "drawing.js", "strip.js", more_styles=("../token_strip/token_strip.css",)
)


class Group(NamedTuple):
    """Columns that belong together, such as one head's key. short: where there is no room for the name.

    scale: name of the colour scale, which groups of one name share. choosable: whether one of its columns can be chosen; in
    others a click chooses the token alone.
    """

    name: str
    size: int
    short: str = ""
    scale: str = ""
    choosable: bool = False


class CellPick(NamedTuple):
    """A chosen cell. dimension: the column as stored, None where no column is choosable."""

    pos: int
    dimension: int | None


def cache_map(
    values: Any,
    tokens: Sequence[str],
    groups: Sequence[Group],
    *,
    key: str,
    selected: CellPick,
    columns: Sequence[int] | None = None,
    strip: bool = False,
    max_height: int = 650,
    label: str = "Cached numbers, a row a token; arrow keys move",
    on_select: Callable[[CellPick], None] | None = None,
) -> None:
    """Show the map.

    values: cached vectors [pos, elements]; what is not a number counts as 0. groups: their sizes add up to `elements`.
    columns: for each place from left to right the column that is drawn there; as stored unless told. Columns may only
        change places within their group.
    strip: the tokens as running text on top, shaded by the chosen column, and fields to type a cell into.
    selected, on_select: as for `head_wall`.
    """
    cells = np.nan_to_num(np.asarray(values, dtype=np.float32))
    sizes = [group.size for group in groups]
    if cells.shape != (len(tokens), sum(sizes)):
        raise ValueError(
            f"expected values [{len(tokens)}, {sum(sizes)}], tokens x columns of all groups, got {list(cells.shape)}"
        )
    places = list(range(sum(sizes))) if columns is None else [int(column) for column in columns]
    if sorted(places) != list(range(sum(sizes))):
        raise ValueError(f"expected each of {sum(sizes)} columns once, got {places}")
    choosable = [group.choosable for group in groups for _ in range(group.size)]

    def read(raw: Any) -> CellPick | None:
        match raw:
            case [int(pos), None] if 0 <= pos < len(tokens) and not any(choosable):
                return CellPick(pos, None)
            case [int(pos), int(dim)] if 0 <= pos < len(tokens) and 0 <= dim < len(choosable):
                return CellPick(pos, dim) if choosable[dim] else None
        return None

    ends = _ends(cells, groups)
    data = {
        "key": key,
        "label": label,
        "palette": palette(),
        "diverging": {"light": theme.DIVERGING, "dark": theme.DIVERGING_DARK},
        "tokens": [chip(token) | {"breaks": "\n" in token} for token in tokens],
        "groups": [group._asdict() | {"reach": ends[group.scale]} for group in groups],
        "columns": places,
        "values": packed(cells),
        "scales": [{"name": name, "reach": end} for name, end in ends.items()],
        "strip": strip,
        "maxHeight": max_height,
        "selection": order(key, selected),
    }
    _mount(key=key, data=data, on_pick_change=on_pick(key, read, on_select))


def packed(cells: NDArray[np.float32]) -> dict[str, Any]:
    """Numbers as the browser gets them: base64 of whole numbers of 16 or 8 bits, rows first, to be multiplied by `step`."""
    bits = 16 if cells.size <= PRECISE else 8
    largest = 2 ** (bits - 1) - 1
    step = float(np.abs(cells).max(initial=0.0)) / largest or 1.0
    whole = np.rint(cells / step).clip(-largest, largest).astype(f"<i{bits // 8}")
    return {"bits": bits, "step": step, "data": base64.b64encode(whole.tobytes()).decode("ascii")}


def _ends(cells: NDArray[np.float32], groups: Sequence[Group]) -> dict[str, float]:
    """Where each colour scale ends, by its name."""
    starts = np.cumsum([0, *(group.size for group in groups)])
    found = {}
    for name in dict.fromkeys(group.scale for group in groups):
        own = [
            cells[:, start : start + group.size]
            for start, group in zip(starts, groups, strict=False)
            if group.scale == name
        ]
        found[name] = reach(np.concatenate(own, axis=1))
    return found


def reach(cells: NDArray[np.float32]) -> float:
    """The size of a number that gets the strongest colour; larger ones get it too."""
    sizes = np.abs(cells)
    usual = float(np.quantile(sizes, 1 - OUTLIERS)) if sizes.size else 0.0
    return usual or float(sizes.max(initial=0.0)) or 1.0
