"""The wall on which heads are switched off: one, a range, a whole layer or column, by mouse or by keys."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from viz.components.head_wall import Head, flat_values, legend_entry, placed_roles
from viz.components.registration import palette, register
from viz.components.selection import on_pick, order, read_integers
from viz.figures.atlas import Atlas

MOVED = "attention moved"

_mount = register(
    "prune_wall",
    "../head_wall/layout.js",
    "../head_wall/drawing.js",
    "../head_wall/wall.js",
    more_styles=("../head_wall/head_wall.css",),
)


def prune_wall(
    atlas: Atlas,
    *,
    key: str,
    off: Collection[Head],
    roles: Sequence[Sequence[str]] = (),
    scores: Mapping[str, Any] | None = None,
    pattern_change: Any | None = None,
    frozen: bool = False,
    max_height: int = 560,
    label: str = "All heads, layers down and heads across; arrow keys move, Space switches a head off or on",
    on_change: Callable[[tuple[Head, ...]], None] | None = None,
) -> None:
    """Show the wall.

    off: the heads that are drawn pale and struck out. The browser switches heads by itself at once and then tells all that
        are off; a value that differs from what it last told overrules it.
    roles, scores, max_height: as for `head_wall`. pattern_change: how far each head's pattern moved with just these heads off
        [layer, head], 0 to 1, drawn as frames and told when hovering; None where it is not known.
    frozen: nothing can be switched. on_change: called with all heads that are off, sorted, before the script runs again.
    """
    wanted = tuple(sorted(set(off)))
    names, role_of = placed_roles(roles, atlas)
    shown = ({} if pattern_change is None else {MOVED: pattern_change}) | dict(scores or {})
    hover_rows = [
        {"name": name.replace("_", " "), "values": flat_values(values, atlas), "chance": None}
        for name, values in shown.items()
    ]
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
        "scores": hover_rows,
        "moved": None if pattern_change is None else hover_rows[0]["values"],
        "offAtMeasuring": wanted,
        "order": None,
        "dimmed": [],
        "second": None,
        "frozen": frozen,
        "maxHeight": max_height,
        "off": order(key, wanted),
    }

    def read(raw: Any) -> tuple[Head, ...] | None:
        return read_heads(raw, atlas.heads)

    _mount(key=key, data=data, on_pick_change=on_pick(key, read, on_change))


def read_heads(raw: Any, heads: Sequence[int]) -> tuple[Head, ...] | None:
    """What the browser told, a list of [layer, head], sorted; None where it is none, or names a head that is not there."""
    if not isinstance(raw, list):
        return None
    found: set[Head] = set()
    for item in raw:
        head = read_integers(item, 2)
        if head is None or not 0 <= head[0] < len(heads) or not 0 <= head[1] < heads[head[0]]:
            return None
        found.add((head[0], head[1]))
    return tuple(sorted(found))
