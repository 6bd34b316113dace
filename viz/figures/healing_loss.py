"""The loss of a healing run, step by step."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from viz import theme
from viz.figures.layout.axes import axis
from viz.figures.layout.chart import chart, scatter


def healing_loss(losses: Sequence[tuple[int, float]], *, dark: bool = False, height: int = 200) -> go.Figure:
    """Plotly figure of (optimizer step, loss): how far the healed model's next-token distributions lie from the original's,
    KL(original || healed) in nats per token.
    """
    line = scatter(
        x=[step for step, _ in losses],
        y=[loss for _, loss in losses],
        mode="lines" if len(losses) > 1 else "markers",
        line={"color": theme.primary(dark), "width": 2},
        hovertemplate="step %{x}<br>loss <b>%{y:.4~g}</b> nats per token<extra></extra>",
    )
    return chart(
        [line],
        axis("step", dark, zero=theme.GRID, rangemode="tozero"),
        axis("distance from the original, nats", dark, zero=theme.GRID, rangemode="tozero"),
        dark=dark,
        height=height,
    )
