"""Axes of charts of cost: both logarithmic, for half and twice are what one compares."""

from __future__ import annotations

from collections.abc import Sequence

from viz.figures.layout.axes import log_axis
from viz.figures.layout.chart import Part
from viz.figures.layout.ticks import doublings, log_range, round_ticks
from viz.figures.number_text import told_bytes

MARGIN: Part = {"l": 8, "r": 12, "t": 10, "b": 8}
_LEAST = 0.35  # powers of ten that a range counts as at the least


def across(text: str, values: Sequence[float], dark: bool, *, room: float = 0.06) -> Part:
    """To the right, with ticks where few values lie, or at doublings. values: all that is drawn, above zero; room: left free
    on both sides, as a share of the range."""
    ticks = doublings(values)
    labels = [f"{tick:,}" for tick in ticks]
    return log_axis(text, dark, ticks, labels, log_range(values, room, _LEAST), tickangle=0)


def upwards(text: str, values: Sequence[float], dark: bool, *, in_bytes: bool = False) -> Part:
    """Upwards, with ticks at round numbers. values: all that is drawn, above zero."""
    ticks = round_ticks(values)
    labels = [told_bytes(tick) if in_bytes else f"{tick:,.3g}" for tick in ticks]
    return log_axis(text, dark, ticks, labels, log_range(values, 0.12, _LEAST), standoff=10)
