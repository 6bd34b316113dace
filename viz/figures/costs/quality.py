"""How well models foresee text against what their caches take: what a smaller cache costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go

from viz.figures.costs.axes import MARGIN, across
from viz.figures.kinds import KindStyle
from viz.figures.layout.axes import axis
from viz.figures.layout.chart import Part, chart, scatter


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
    sizes, losses = [point.bytes_per_token for point in points], [point.loss for point in points]
    room = max((max(losses) - min(losses)) * 0.25, 0.01) if losses else 0.0
    ends: Part = {"range": [min(losses) - room, max(losses) + room]} if losses else {}
    return chart(
        [_trace(point, dark) for point in points],
        across("cache, bytes per token", sizes, dark, room=0.25),
        axis("validation loss, nats per token", dark, standoff=10, nticks=6, **ends),
        dark=dark,
        height=height,
        margin=MARGIN,
    )


def _trace(point: Quality, dark: bool) -> Part:
    colour = point.style.colour(dark)
    return scatter(
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
