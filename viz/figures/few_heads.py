"""What is left of a model with few heads in each layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from models.pruning.quality import Quantity
from viz import theme
from viz.figures.layout.axes import axis
from viz.figures.layout.chart import Part, chart, legend_above, scatter
from viz.figures.layout.lines import allowed_loss
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
    muted = theme.muted(dark)
    drawn = np.asarray(random, dtype=np.float64)
    band = scatter(
        x=[*kept, *reversed(kept)], y=[*drawn.max(0).tolist(), *drawn.min(0)[::-1].tolist()], mode="lines", fill="toself",
        hoverinfo="skip", fillcolor=theme.translucent(muted, 0.18), line={"width": 0}, showlegend=False,
    )  # fmt: skip
    every: Part = {"dtick": 1} if len(kept) <= 16 and kept[-1] <= 16 else {}
    return chart(
        [
            band,
            _line("random", kept, drawn.mean(0).tolist(), muted, "dot", "diamond"),
            _line("most important", kept, best, theme.primary(dark), "solid", "circle"),
        ],
        axis("heads that stay in each layer", dark, **every),
        axis(QUANTITIES[metric], dark, nticks=6),
        dark=dark,
        height=height,
        legend=legend_above(traceorder="reversed"),
        **allowed_loss(allowed, dark, above=True),
    )


def _line(
    name: str, kept: Sequence[int], values: Sequence[float], colour: str, dash: str, symbol: str
) -> Part:
    return scatter(
        x=list(kept), y=list(values), mode="lines+markers", name=name,
        line={"color": colour, "width": 2, "dash": dash}, marker={"color": colour, "symbol": symbol, "size": 7},
        hovertemplate=f"%{{x}} heads to a layer, {name}<br><b>%{{y:.5~g}}</b><extra></extra>",
    )  # fmt: skip
