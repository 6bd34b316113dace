"""A timeline to choose from: what came when, one step after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from viz.components.registration import palette, register
from viz.components.selection import on_pick, order

_mount = register("timeline")


@dataclass(frozen=True, slots=True)
class TimelineStep:
    """key: what is told when it is chosen. year: "" where there is none. title: short. warning: drawn apart from the others."""

    key: str
    year: str
    title: str
    warning: bool = False


def timeline(
    steps: Sequence[TimelineStep],
    *,
    key: str,
    selected: str,
    on_select: Callable[[str], None] | None = None,
) -> None:
    """Show it. selected: the key of a step; see `head_wall` for how it goes with the browser's own selection."""
    known = {step.key for step in steps}
    if selected not in known:
        raise ValueError(f"expected one of {', '.join(known)}, got {selected!r}")

    def read(raw: Any) -> str | None:
        return raw if isinstance(raw, str) and raw in known else None

    data = {
        "key": key,
        "palette": palette(),
        "steps": [asdict(step) for step in steps],
        "selection": order(key, selected),
    }
    _mount(key=key, data=data, on_pick_change=on_pick(key, read, on_select))
