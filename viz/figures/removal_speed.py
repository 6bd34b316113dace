"""How much faster a model is without heads: each repeat, the median, and what arithmetic foretold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from models.measuring.speedup import Speedup
from viz import theme
from viz.figures.layout.axes import axis, row_axis
from viz.figures.layout.chart import Part, chart, legend_above, scatter
from viz.figures.layout.lines import upright

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
    muted, accent, text = theme.muted(dark), theme.accent(dark), theme.text(dark)
    told = [(row.name, row.predicted) for row in rows if row.predicted is not None]
    repeats = [(row.name, each) for row in rows for each in row.removed.each]
    medians = [(row.name, row.removed.median) for row in rows]
    gated = [(row.name, row.gated.median) for row in rows]
    edges = _edges(rows)
    margin = EDGE_MARGIN * (edges[1] - edges[0])  # so that what stands at an edge does not stand on a label
    ring = {"symbol": "circle-open", "size": 10, "color": muted, "line": {"width": 1.5}}
    dot = {"symbol": "circle", "size": 6, "color": accent, "opacity": 0.45}
    tick = {"symbol": "line-ns", "size": 20, "color": text, "line": {"width": 2, "color": text}}
    diamond = {"symbol": "diamond", "size": 12, "color": accent}
    return chart(
        [
            _marks("switched off", gated, ring, "switched off, median", edges),
            _marks("removed, each repeat", repeats, dot, "removed, one repeat", edges),
            _marks("operations foretell", told, tick, "foretold by operations (formula)", edges),
            _marks("removed, median", medians, diamond, "removed, median", edges),
        ],
        axis("times as fast as with all heads", dark, nticks=7, range=[edges[0] - margin, edges[1] + margin]),
        row_axis(),
        dark=dark,
        height=104 + 40 * len(rows),
        legend=legend_above(),
        shapes=[upright(1, {"color": muted, "width": 1, "dash": "dot"})],
    )


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
    marker: Part,
    told: str,
    edges: tuple[float, float],
) -> Part:
    low, high = edges
    return scatter(
        x=[min(max(value, low), high) for _, value in points], y=[row for row, _ in points],
        customdata=[value for _, value in points], mode="markers", name=name, marker=marker, cliponaxis=False,
        hovertemplate=f"%{{y}}<br>{told}<br><b>%{{customdata:.5~g}} ×</b><extra></extra>",
    )  # fmt: skip
