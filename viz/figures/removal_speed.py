"""How much faster a model is without heads: each repeat, the median, and what arithmetic foretold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from models.measuring.speedup import Speedup
from viz import theme
from viz.figures.loss_change import GRID

EDGE_MARGIN = 0.04  # of the axis


@dataclass(frozen=True, slots=True)
class SpeedRow:
    """One thing that was timed. removed, gated: beside the model with all heads; predicted: of the removed one by the share
    of heads in the operations, None where there is no formula."""

    name: str
    removed: Speedup
    gated: Speedup
    predicted: float | None


def removal_speed(rows: Sequence[SpeedRow], *, dark: bool = False) -> go.Figure:
    """Plotly figure, a row a thing that was timed: a dot a repeat and a diamond at their median for the smaller model, a ring
    for heads that are only switched off, a tick where operations put it. 1 is as fast as with all heads. A repeat that is far
    off, because something disturbed it, stands at the edge, and its hover tells how far."""
    muted, accent = theme.MUTED_DARK if dark else theme.MUTED, theme.accent(dark)
    text = theme.TEXT_DARK if dark else theme.TEXT
    told = [(row.name, row.predicted) for row in rows if row.predicted is not None]
    repeats = [(row.name, each) for row in rows for each in row.removed.each]
    edges = _edges(rows)
    ring = {"symbol": "circle-open", "size": 10, "color": muted, "line": {"width": 1.5}}
    dot = {"symbol": "circle", "size": 6, "color": accent, "opacity": 0.45}
    tick = {"symbol": "line-ns", "size": 20, "line": {"width": 2, "color": text}}
    figure = go.Figure()
    figure.add_trace(
        _marks(
            "switched off",
            [(row.name, row.gated.median) for row in rows],
            ring,
            "switched off, median",
            edges,
        )
    )
    figure.add_trace(_marks("removed, each repeat", repeats, dot, "removed, one repeat", edges))
    figure.add_trace(_marks("operations foretell", told, tick, "foretold by operations (formula)", edges))
    diamond = {"symbol": "diamond", "size": 12, "color": accent}
    medians = [(row.name, row.removed.median) for row in rows]
    figure.add_trace(_marks("removed, median", medians, diamond, "removed, median", edges))
    figure.add_vline(x=1, line={"color": muted, "width": 1, "dash": "dot"})
    _lay_out(figure, len(rows), edges, dark)
    return figure


def _edges(rows: Sequence[SpeedRow]) -> tuple[float, float]:
    """Around all medians and what was foretold, with some room."""
    shown = [1.0, *(row.predicted for row in rows if row.predicted is not None)]
    shown += [found.median for row in rows for found in (row.removed, row.gated)]
    low, high = min(shown), max(shown)
    room = max(high - low, 0.2)
    return max(low - room, 0.0), high + room


def _marks(
    name: str,
    points: Sequence[tuple[str, float]],
    marker: dict[str, Any],
    told: str,
    edges: tuple[float, float],
) -> go.Scatter:
    low, high = edges
    return go.Scatter(
        x=[min(max(value, low), high) for _, value in points], y=[row for row, _ in points],
        customdata=[value for _, value in points], mode="markers", name=name, marker=marker, cliponaxis=False,
        hovertemplate=f"%{{y}}<br>{told}<br><b>%{{customdata:.5~g}} ×</b><extra></extra>",
    )  # fmt: skip


def _lay_out(figure: go.Figure, rows: int, edges: tuple[float, float], dark: bool) -> None:
    muted = theme.MUTED_DARK if dark else theme.MUTED
    low, high = edges
    margin = EDGE_MARGIN * (high - low)  # so that what stands at an edge does not stand on a label
    figure.update_xaxes(
        title={"text": "times as fast as with all heads", "font": {"size": 12, "color": muted}}, gridcolor=GRID,
        zeroline=False, automargin=True, nticks=7, range=[low - margin, high + margin],
    )  # fmt: skip
    figure.update_yaxes(
        type="category", autorange="reversed", automargin=True, showgrid=False, tickfont={"size": 12}
    )
    figure.update_layout(
        height=104 + 40 * rows,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor=theme.background(dark),
        font={"size": 11, "color": theme.TEXT_DARK if dark else theme.TEXT},
        hoverlabel={"align": "left"},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 12}},
    )
