"""What contenders take: a line of medians each, with bars from the lower to the upper quartile of the repeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go

from viz.figures.costs.axes import MARGIN, across, upwards
from viz.figures.kinds import KindStyle
from viz.figures.layout.chart import Part, chart, scatter


@dataclass(frozen=True, slots=True)
class Taken:
    """A median at x, its quartiles, and what is told of it on hover."""

    x: int
    median: float
    low: float
    high: float
    told: str = ""


@dataclass(frozen=True, slots=True)
class TimeSeries:
    """One contender."""

    label: str
    style: KindStyle
    points: Sequence[Taken]


def medians(
    series: Sequence[TimeSeries], titles: tuple[str, str], *, dark: bool = False, height: int = 300
) -> go.Figure:
    """Plotly figure, both axes logarithmic. titles: of the axes, with their units."""
    points = [point for one in series for point in one.points]
    return chart(
        [_trace(one, dark) for one in series],
        across(titles[0], [point.x for point in points], dark),
        upwards(titles[1], [value for point in points for value in (point.low, point.high)], dark),
        dark=dark,
        height=height,
        margin=MARGIN,
    )


def _trace(one: TimeSeries, dark: bool) -> Part:
    points = sorted(one.points, key=lambda point: point.x)
    colour = one.style.colour(dark)
    return scatter(
        x=[point.x for point in points],
        y=[point.median for point in points],
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [point.high - point.median for point in points],
            "arrayminus": [point.median - point.low for point in points],
            "thickness": 1.2,
            "width": 4,
        },
        mode="lines+markers",
        name=escape(one.label),
        line={"color": colour, "dash": one.style.dash, "width": 2},
        marker={
            "color": colour,
            "symbol": one.style.symbol,
            "size": 9,
            "line": {"width": 1.5, "color": colour},
        },
        customdata=[escape(point.told) for point in points],
        cliponaxis=False,
        hovertemplate=f"<b>{escape(one.label)}</b><br>%{{customdata}}<extra></extra>",
    )
