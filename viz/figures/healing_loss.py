"""The loss of a healing run, step by step."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from viz import theme


def healing_loss(losses: Sequence[tuple[int, float]], *, dark: bool = False, height: int = 200) -> go.Figure:
    """Plotly figure of (optimizer step, loss): how far the healed model's next-token distributions lie from the original's,
    KL(original || healed) in nats per token.
    """
    colour = theme.PRIMARY_DARK if dark else theme.PRIMARY
    muted = theme.MUTED_DARK if dark else theme.MUTED
    grid = "rgba(128, 134, 152, 0.22)"
    figure = go.Figure(
        go.Scatter(
            x=[step for step, _ in losses],
            y=[loss for _, loss in losses],
            mode="lines" if len(losses) > 1 else "markers",
            line={"color": colour, "width": 2},
            hovertemplate="step %{x}<br>loss <b>%{y:.4~g}</b> nats per token<extra></extra>",
        )
    )
    title = {"font": {"size": 12, "color": muted}}
    figure.update_xaxes(title={"text": "step", **title}, gridcolor=grid, rangemode="tozero", automargin=True)
    figure.update_yaxes(
        title={"text": "distance from the original, nats", **title},
        gridcolor=grid,
        rangemode="tozero",
        automargin=True,
    )
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor=theme.background(dark),
        font={"size": 11, "color": theme.TEXT_DARK if dark else theme.TEXT},
        showlegend=False,
    )
    return figure
