"""Axes of charts of cost: both logarithmic, for half and twice are what one compares."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, floor, log2, log10
from typing import Any

import plotly.graph_objects as go

from viz import theme
from viz.figures.perplexity_against_cache import round_numbers

GRID = "rgba(128, 134, 152, 0.22)"
FEW, CLOSE = 4, 1.4
_UNITS = ((1e15, " PB"), (1e12, " TB"), (1e9, " GB"), (1e6, " MB"), (1e3, " kB"), (1.0, " B"))


def told_bytes(count: float) -> str:
    """Three digits with a decimal unit."""
    scale, unit = next((row for row in _UNITS if count >= 0.9995 * row[0]), _UNITS[-1])
    return f"{count / scale:.3g}{unit}"


def lay_out(
    figure: go.Figure,
    x: Sequence[float],
    y: Sequence[float],
    titles: tuple[str, str],
    *,
    in_bytes: bool = False,
    room: float = 0.06,
    dark: bool = False,
    height: int = 300,
) -> None:
    """x has ticks where few values lie, or at doublings; y has round numbers. x, y: everything that is drawn, all above zero.
    room: left free on both sides of x, as a share of its range."""
    muted = theme.MUTED_DARK if dark else theme.MUTED
    font: dict[str, Any] = {"font": {"size": 12, "color": muted}}
    places = _places(x)
    ticks = round_ticks(y)
    figure.update_xaxes(
        type="log", tickvals=places, ticktext=[f"{place:,}" for place in places], range=_range(x, room),
        title={"text": titles[0], **font}, gridcolor=GRID, automargin=True, tickangle=0,
    )  # fmt: skip
    figure.update_yaxes(
        type="log", tickvals=ticks, ticktext=[told_bytes(tick) if in_bytes else f"{tick:,.3g}" for tick in ticks],
        range=_range(y, 0.12), title={"text": titles[1], "standoff": 10, **font}, gridcolor=GRID, automargin=True,
    )  # fmt: skip
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 12, "t": 10, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor=theme.background(dark),
        font={"size": 11, "color": theme.TEXT_DARK if dark else theme.TEXT},
        hoverlabel={"align": "left"},
        showlegend=False,
    )


def _places(values: Sequence[float]) -> list[int]:
    """Where few values lie, or each doubling where there are many or two would run into each other."""
    own = sorted(set(values))
    if len(own) <= FEW and all(after >= CLOSE * before for before, after in pairwise(own)):
        return [round(value) for value in own]
    powers = [2**power for power in range(max(floor(log2(min(values))), 0), ceil(log2(max(values))) + 1)]
    return powers[:: ceil(len(powers) / 8)]


def round_ticks(values: Sequence[float]) -> list[float]:
    """Round numbers that an axis through these values shows three of or more, without crowding."""
    if not values:
        return []
    powers = range(floor(log10(min(values))), ceil(log10(max(values))) + 1)
    return [10.0**power for power in powers] if len(powers) > 4 else round_numbers(min(values), max(values))


def _range(values: Sequence[float], room: float) -> list[float] | None:
    """In powers of ten, with a share of it left free on both sides."""
    if not values:
        return None
    low, high = log10(min(values)), log10(max(values))
    spare = room * max(high - low, 0.35)
    return [low - spare, high + spare]
