"""What a chosen set of heads costs, on one line with what random ones cost."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from viz import theme

HEIGHT = 96


def chance_dots(
    chosen: float, draws: Sequence[float], told: Sequence[str], unit: str, *, dark: bool = False
) -> go.Figure:
    """Plotly figure: a dot for each random draw, and a diamond for the heads chosen. told: which heads a draw had off."""
    muted = theme.MUTED_DARK if dark else theme.MUTED
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            x=list(draws), y=[0] * len(draws), mode="markers", name="random heads", customdata=list(told),
            marker={"size": 10, "color": muted, "opacity": 0.7},
            hovertemplate="%{customdata} off: <b>%{x:+.5~g}</b> " + unit + "<extra></extra>",
        )
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=[chosen], y=[0], mode="markers", name="these heads",
            marker={"size": 14, "symbol": "diamond", "color": theme.accent(dark)},
            hovertemplate="these heads off: <b>%{x:+.5~g}</b> " + unit + "<extra></extra>",
        )
    )  # fmt: skip
    figure.update_xaxes(
        zeroline=True, zerolinecolor=muted, gridcolor="rgba(128, 134, 152, 0.22)", nticks=7, automargin=True
    )
    figure.update_yaxes(visible=False, range=[-1, 1], fixedrange=True)
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 8, "r": 8, "t": 4, "b": 26},
        showlegend=False,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor=theme.background(dark),
        font={"size": 11, "color": theme.TEXT_DARK if dark else theme.TEXT},
        hoverlabel={"align": "left", "bgcolor": theme.background(dark)},
    )
    return figure
