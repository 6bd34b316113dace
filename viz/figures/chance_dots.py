"""What a chosen set of heads costs, on one line with what random ones cost."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from viz import theme
from viz.figures.layout.axes import axis
from viz.figures.layout.chart import MARGIN, chart, hover_on_ground, scatter

HEIGHT = 96


def chance_dots(
    chosen: float, draws: Sequence[float], told: Sequence[str], unit: str, *, dark: bool = False
) -> go.Figure:
    """Plotly figure: a dot for each random draw, and a diamond for the heads chosen. told: which heads a draw had off."""
    muted = theme.muted(dark)
    dots = scatter(
        x=list(draws), y=[0] * len(draws), mode="markers", name="random heads", customdata=list(told),
        marker={"size": 10, "color": muted, "opacity": 0.7},
        hovertemplate="%{customdata} off: <b>%{x:+.5~g}</b> " + unit + "<extra></extra>",
    )  # fmt: skip
    diamond = scatter(
        x=[chosen], y=[0], mode="markers", name="these heads",
        marker={"size": 14, "symbol": "diamond", "color": theme.accent(dark)},
        hovertemplate="these heads off: <b>%{x:+.5~g}</b> " + unit + "<extra></extra>",
    )  # fmt: skip
    return chart(
        [dots, diamond],
        axis("", dark, zero=muted, nticks=7),
        {"visible": False, "range": [-1, 1], "fixedrange": True},
        dark=dark,
        height=HEIGHT,
        margin=MARGIN | {"t": 4, "b": 26},
        hoverlabel=hover_on_ground(dark),
    )
