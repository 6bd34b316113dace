"""Two numbers of every head as bars: one of its key above, one of its value below."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from viz import theme

PARTS = ("key", "value")
MAX_TICKS = 24


def head_bars(
    keys: Any,
    values: Any,
    key_means: Any,
    value_means: Any,
    *,
    measure: str,
    mean_of: str,
    selected: int,
    tops: tuple[float, float] | None = None,
    dark: bool = False,
    height: int = 220,
) -> go.Figure:
    """Plotly figure of a number [head] of each head's key and value, the mean [head] it is to be held against as a thin mark.

    measure: what the numbers are, for the hover; mean_of: what the means are over. selected: the head in the accent colour.
    tops: how high the two axes reach, so that a choice of another position does not change the scale.
    """
    figure = make_subplots(2, 1, shared_xaxes=True, vertical_spacing=0.09)
    for row, (part, bars, means) in enumerate(
        zip(PARTS, (keys, values), (key_means, value_means), strict=True), 1
    ):
        bars, means = np.asarray(bars, dtype=np.float32), np.asarray(means, dtype=np.float32)
        if bars.shape != means.shape or bars.ndim != 1:
            raise ValueError(
                f"expected numbers and means [head] alike, got shapes {bars.shape} and {means.shape}"
            )
        figure.add_trace(_bars(part, bars, means, measure, mean_of, selected, dark), row, 1)
        figure.add_trace(_marks(part, means, dark), row, 1)
    _lay_out(figure, len(keys), dark, height)
    for row, top in enumerate(tops or (), 1):
        figure.update_yaxes(range=[0, (top or 1.0) * 1.04], row=row, col=1)
    return figure


def _bars(part: str, bars: Any, means: Any, measure: str, mean_of: str, selected: int, dark: bool) -> go.Bar:
    ink = theme.PRIMARY_DARK if dark else theme.PRIMARY
    return go.Bar(
        x=list(range(len(bars))),
        y=bars,
        name=part,
        customdata=means,
        marker={"color": [theme.accent(dark) if head == selected else ink for head in range(len(bars))]},
        selected={"marker": {"opacity": 1.0}},
        unselected={"marker": {"opacity": 1.0}},
        hovertemplate=f"H%{{x}}<br>{part}: {measure} <b>%{{y:.5~g}}</b><br>{mean_of} %{{customdata:.5~g}}<extra></extra>",
    )


def _marks(part: str, means: Any, dark: bool) -> go.Scatter:
    """A short line across each bar, as wide as there is room."""
    text = theme.TEXT_DARK if dark else theme.TEXT
    size = float(np.clip(220 / max(len(means), 1), 3, 26))
    return go.Scatter(
        x=list(range(len(means))),
        y=means,
        name=f"{part}, mean",
        mode="markers",
        marker={"symbol": "line-ew", "size": size, "line": {"width": 2, "color": text}},
        selected={"marker": {"opacity": 1.0}},
        unselected={"marker": {"opacity": 1.0}},
        hoverinfo="skip",
    )


def _lay_out(figure: go.Figure, heads: int, dark: bool, height: int) -> None:
    muted, grid = theme.MUTED_DARK if dark else theme.MUTED, "rgba(128, 134, 152, 0.22)"
    shown = list(range(0, heads, -(-heads // MAX_TICKS)))
    figure.update_xaxes(range=[-0.6, heads - 0.4], showgrid=False, zeroline=False, fixedrange=True)
    figure.update_xaxes(tickvals=shown, ticktext=[f"H{head}" for head in shown], tickangle=0, row=2, col=1)
    figure.update_yaxes(
        rangemode="tozero", gridcolor=grid, zerolinecolor=grid, nticks=4, fixedrange=True, automargin=True
    )
    for row, part in enumerate(PARTS, 1):
        figure.update_yaxes(title={"text": part, "font": {"size": 12, "color": muted}}, row=row, col=1)
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 6, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"size": 11, "color": theme.TEXT_DARK if dark else theme.TEXT},
        bargap=0.25,
        showlegend=False,
        hoverlabel={"align": "left"},
        dragmode=False,
        clickmode="event+select",
    )
