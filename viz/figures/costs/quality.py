"""How well models foresee text against what their caches take: what a smaller cache costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go

from viz.figures.costs.layout import GRID, lay_out
from viz.figures.kinds import KindStyle


@dataclass(frozen=True, slots=True)
class Quality:
    """One contender: bytes a token (counted or by formula, as `how` says), its loss as its card has it, nats per token."""

    label: str
    style: KindStyle
    bytes_per_token: float
    how: str
    loss: float
    told: str


def quality_against_cache(points: Sequence[Quality], *, dark: bool = False, height: int = 300) -> go.Figure:
    """Plotly figure: a named point each; the smaller and the lower, the better."""
    figure = go.Figure()
    for point in points:
        figure.add_trace(_trace(point, dark))
    x, losses = [point.bytes_per_token for point in points], [point.loss for point in points]
    lay_out(
        figure,
        x,
        losses,
        ("cache, bytes per token", "validation loss, nats per token"),
        room=0.25,
        dark=dark,
        height=height,
    )
    if losses:
        room = max((max(losses) - min(losses)) * 0.25, 0.01)
        figure.update_yaxes(
            type="linear", tickmode="auto", nticks=6, tickvals=None, ticktext=None, gridcolor=GRID,
            range=[min(losses) - room, max(losses) + room],
        )  # fmt: skip
    return figure


def _trace(point: Quality, dark: bool) -> go.Scatter:
    colour = point.style.colour(dark)
    return go.Scatter(
        x=[point.bytes_per_token],
        y=[point.loss],
        mode="markers+text",
        name=escape(point.label),
        text=[escape(point.label)],
        textposition="top center",
        textfont={"size": 11},
        marker={
            "color": colour,
            "symbol": point.style.symbol,
            "size": 12,
            "line": {"width": 1.5, "color": colour},
        },
        cliponaxis=False,
        hovertemplate=f"<b>{escape(point.label)}</b><br>loss {point.loss:.4f} nats per token (measured)<br>"
        f"{point.bytes_per_token:,.6g} bytes per token ({escape(point.how)})<br>{escape(point.told)}<extra></extra>",
    )
