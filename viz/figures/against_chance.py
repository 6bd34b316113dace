"""What a chosen set of heads costs, beside as many heads drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import plotly.graph_objects as go

from viz import theme
from viz.figures.loss_change import GRID


@dataclass(frozen=True, slots=True)
class Compared:
    """A set of heads, what switching it off costs, and what each random set costs. name: what it is, in a few words."""

    name: str
    cost: float
    random: tuple[float, ...]


def against_chance(
    sets: Sequence[Compared], *, quantity: str, dark: bool = False, height: int | None = None
) -> go.Figure:
    """Plotly figure, a row a set: a filled diamond for it, a ring for each random draw, a tick at their median.

    quantity: what the numbers are, with their unit.
    """
    muted, accent = theme.MUTED_DARK if dark else theme.MUTED, theme.accent(dark)
    names = [each.name for each in sets]
    figure = go.Figure()
    rings = [(name, cost) for name, each in zip(names, sets, strict=True) for cost in each.random]
    figure.add_trace(
        go.Scatter(
            x=[cost for _, cost in rings], y=[name for name, _ in rings], mode="markers", name="random heads",
            marker={"symbol": "circle-open", "size": 10, "color": muted, "line": {"width": 1.5}},
            hovertemplate="random heads<br><b>%{x:+.5~g}</b><extra></extra>",
        )
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=[median(each.random) for each in sets], y=names, mode="markers", name="their median",
            marker={"symbol": "line-ns", "size": 20, "line": {"width": 2, "color": muted}},
            hovertemplate="median of the random heads<br><b>%{x:+.5~g}</b><extra></extra>",
        )
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=[each.cost for each in sets], y=names, mode="markers", name="these heads",
            marker={"symbol": "diamond", "size": 13, "color": accent},
            hovertemplate="these heads<br><b>%{x:+.5~g}</b><extra></extra>",
        )
    )  # fmt: skip
    figure.update_xaxes(
        title={"text": quantity, "font": {"size": 12, "color": muted}}, gridcolor=GRID, zerolinecolor=muted,
        automargin=True, nticks=7,
    )  # fmt: skip
    figure.update_yaxes(
        type="category", autorange="reversed", automargin=True, showgrid=False, tickfont={"size": 12}
    )
    figure.update_layout(
        height=height or 96 + 44 * len(sets),
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor=theme.background(dark),
        font={"size": 11, "color": theme.TEXT_DARK if dark else theme.TEXT},
        hoverlabel={"align": "left"},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 12}},
    )
    return figure
