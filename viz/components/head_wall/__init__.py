"""The wall of heads: every head of a model a tile; hover names it, a click or the arrow keys select it."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from viz import theme
from viz.components.registration import palette, register
from viz.components.selection import on_pick, order, read_integers
from viz.figures.atlas import Atlas

Head = tuple[int, int]

BY_LAYER = "layer"

_mount = register("head_wall", "layout.js", "drawing.js", "wall.js")


def head_wall(
    atlas: Atlas,
    *,
    key: str,
    selected: Head,
    roles: Sequence[Sequence[str]] = (),
    scores: Mapping[str, Any] | None = None,
    chance: Mapping[str, Any] | None = None,
    sort: str = BY_LAYER,
    dimmed: Collection[Head] = (),
    second: Head | None = None,
    max_height: int = 640,
    label: str = "All heads, layers down and heads across; arrow keys move, Enter selects",
    on_select: Callable[[Head], None] | None = None,
) -> Head | None:
    """Show the wall, and return the (layer, head) that was picked in the browser in this very run, else None.

    selected: the head that is shown as selected. The browser moves its own selection at once; a value that differs
        from what it last told overrules it.
    roles: for each layer the role of each head, "" for none; shown as badges with a legend.
    scores: score name to values [layer, head] for the hover text and for sorting; NaN is left out.
    chance: score name to the values that blind chance would give, in the same shape.
    sort: `BY_LAYER`, or one of the names in `scores` for all heads in one grid, highest first.
    dimmed: heads drawn pale and struck out. second: another selected head, for comparison.
    max_height: CSS pixels; a wall that cannot be made to fit scrolls inside.
    on_select: called with (layer, head) before the script runs again, so that what is drawn above the wall knows too.
    """
    scores = scores or {}
    if sort != BY_LAYER and sort not in scores:
        raise ValueError(f"cannot sort by {sort!r}: expected {BY_LAYER!r} or one of {sorted(scores)}")
    flat = {name: flat_values(values, atlas) for name, values in scores.items()}
    names, role_of = placed_roles(roles, atlas)

    def read(raw: Any) -> Head | None:
        head = read_integers(raw, 2)
        known = head and 0 <= head[0] < len(atlas.heads) and 0 <= head[1] < atlas.heads[head[0]]
        return (head[0], head[1]) if head and known else None

    data = {
        "key": key,
        "label": label,
        "palette": palette(),
        "atlas": {
            "url": atlas.data_url,
            "key": atlas.key,
            "size": atlas.size,
            "columns": atlas.columns,
            "heads": atlas.heads,
        },
        "roles": [legend_entry(name) for name in names],
        "role": role_of,
        "scores": [
            {
                "name": name.replace("_", " "),
                "values": values,
                "chance": flat_values(chance[name], atlas) if chance and name in chance else None,
            }
            for name, values in flat.items()
        ],
        "order": None if sort == BY_LAYER else _descending(flat[sort]),
        "dimmed": sorted(atlas.index(*head) for head in dimmed),
        "second": second,
        "maxHeight": max_height,
        "selection": order(key, selected),
    }
    result = _mount(key=key, data=data, on_pick_change=on_pick(key, read, on_select))
    return read(result.get("pick"))


def flat_values(values: Any, atlas: Atlas) -> list[float | None]:
    """[layer, head] values in reading order at three significant digits, None for what is not a number."""
    rows = [np.asarray(row, dtype=float)[:count] for row, count in zip(values, atlas.heads, strict=True)]
    return [float(f"{value:.3g}") if math.isfinite(value) else None for value in np.concatenate(rows)]


def _descending(values: list[float | None]) -> dict[str, list[Any]]:
    indices = sorted(range(len(values)), key=lambda index: math.inf if (v := values[index]) is None else -v)
    return {"indices": indices, "values": values}


def placed_roles(roles: Sequence[Sequence[str]], atlas: Atlas) -> tuple[list[str], list[int]]:
    """The roles that occur, in the theme's order, and for each head the place of its role among them, or -1."""
    if not roles:
        return [], [-1] * atlas.count
    flat = [role for row, count in zip(roles, atlas.heads, strict=True) for role in row[:count]]
    rank = {name: place for place, name in enumerate(theme.ROLES)}
    names = sorted({role for role in flat if role}, key=lambda name: (rank.get(name, len(rank)), name))
    return names, [names.index(role) if role else -1 for role in flat]


def legend_entry(role: str) -> dict[str, str | bool]:
    """How the browser writes a role's badge."""
    style = theme.role_style(role)
    colours = {"light": style.colour, "dark": style.colour_dark}
    return {"name": role, "letter": style.letter, "withoutGround": style.without_ground, **colours}
