"""What is left of a model with few heads in each layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from models.pruning.quality import Quantity
from viz import theme
from viz.figures.loss_change import GRID
from viz.figures.prune_curves import QUANTITIES


def few_heads(
    kept: Sequence[int],
    best: Sequence[float],
    random: Sequence[Sequence[float]],
    *,
    metric: Quantity,
    allowed: float,
    dark: bool = False,
    height: int = 300,
) -> go.Figure:
    """Plotly figure of a number against the heads that stay in each layer: the most important ones, and random ones as a band
    over the draws [draw][kept]. allowed: marked by a line.
    """
    muted = theme.MUTED_DARK if dark else theme.MUTED
    ink = theme.PRIMARY_DARK if dark else theme.PRIMARY
    drawn = np.asarray(random, dtype=np.float64)
    red, green, blue = (int(muted[place : place + 2], 16) for place in (1, 3, 5))
    figure = go.Figure(
        go.Scatter(
            x=[*kept, *reversed(kept)], y=[*drawn.max(0), *drawn.min(0)[::-1]], mode="lines", fill="toself", hoverinfo="skip",
            fillcolor=f"rgba({red}, {green}, {blue}, 0.18)", line={"width": 0}, showlegend=False,
        )
    )  # fmt: skip
    for name, values, colour, dash, symbol in (
        ("random", drawn.mean(0), muted, "dot", "diamond"),
        ("most important", best, ink, "solid", "circle"),
    ):
        figure.add_trace(
            go.Scatter(
                x=list(kept), y=list(values), mode="lines+markers", name=name,
                line={"color": colour, "width": 2, "dash": dash}, marker={"color": colour, "symbol": symbol, "size": 7},
                hovertemplate=f"%{{x}} heads to a layer, {name}<br><b>%{{y:.5~g}}</b><extra></extra>",
            )
        )  # fmt: skip
    figure.add_hline(
        allowed, line={"color": muted, "width": 1, "dash": "dot"}, annotation_text="5% more",
        annotation_position="top right", annotation_font={"size": 11, "color": muted},
    )  # fmt: skip
    title = {"font": {"size": 12, "color": muted}}
    figure.update_xaxes(
        title={"text": "heads that stay in each layer", **title}, dtick=1 if len(kept) <= 16 and kept[-1] <= 16 else None,
        gridcolor=GRID, zeroline=False, automargin=True,
    )  # fmt: skip
    figure.update_yaxes(
        title={"text": QUANTITIES[metric], **title}, gridcolor=GRID, zeroline=False, automargin=True, nticks=6
    )
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor=theme.background(dark),
        font={"size": 11, "color": theme.TEXT_DARK if dark else theme.TEXT},
        hoverlabel={"align": "left"},
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "font": {"size": 12},
            "traceorder": "reversed",
        },
    )
    return figure
