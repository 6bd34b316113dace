"""What a chosen set of heads costs, beside as many heads drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import plotly.graph_objects as go

from viz import theme
from viz.figures.layout.axes import axis, row_axis
from viz.figures.layout.chart import Part, chart, legend_above, scatter


@dataclass(frozen=True, slots=True)
class Compared:
    """A set of heads, what switching it off costs, and what each random set costs. name: what it is, in a few words."""

    name: str
    cost: float
    random: tuple[float, ...]


def against_chance(
    sets: Sequence[Compared], *, quantity: str, dark: bool = False, height: int | None = None
) -> go.Figure:
    """Plotly figure, a row a set: a filled diamond for it, a ring for each random draw, a tick at their median.

    quantity: what the numbers are, with their unit.
    """
    muted, names = theme.muted(dark), [each.name for each in sets]
    rings = [(each.name, cost) for each in sets for cost in each.random]
    ring = {"symbol": "circle-open", "size": 10, "color": muted, "line": {"width": 1.5}}
    tick = {"symbol": "line-ns", "size": 20, "color": muted, "line": {"width": 2, "color": muted}}
    diamond = {"symbol": "diamond", "size": 13, "color": theme.accent(dark)}
    return chart(
        [
            _marks("random heads", rings, ring, "random heads"),
            _marks(
                "their median", list(zip(names, (median(each.random) for each in sets), strict=True)), tick,
                "median of the random heads",
            ),
            _marks("these heads", [(each.name, each.cost) for each in sets], diamond, "these heads"),
        ],
        axis(quantity, dark, zero=muted, nticks=7),
        row_axis(),
        dark=dark,
        height=height or 96 + 44 * len(sets),
        legend=legend_above(),
    )  # fmt: skip


def _marks(name: str, points: Sequence[tuple[str, float]], marker: Part, told: str) -> Part:
    return scatter(
        x=[cost for _, cost in points], y=[row for row, _ in points], mode="markers", name=name, marker=marker,
        hovertemplate=f"{told}<br><b>%{{x:+.5~g}}</b><extra></extra>",
    )  # fmt: skip
