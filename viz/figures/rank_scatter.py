"""Whether two measures of importance agree: each head's place in the one against its place in the other."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch

from models.pruning.rank_agreement import ranks
from viz import theme
from viz.figures.loss_change import GRID


def rank_scatter(
    first: Any,
    second: Any,
    *,
    names: tuple[str, str],
    off: Collection[tuple[int, int]] = (),
    dark: bool = False,
    height: int = 320,
) -> go.Figure:
    """Plotly figure, a point a head, of two numbers [layer, head]: places counted from 1, the most important head.

    On the dashed line both say the same. names: of the measures; off: heads in the accent colour.
    """
    one, other = (np.asarray(values, dtype=np.float64) for values in (first, second))
    rows, columns = np.nonzero(np.isfinite(one) & np.isfinite(other))
    heads = list(zip(rows.tolist(), columns.tolist(), strict=True))
    values = [one[rows, columns], other[rows, columns]]
    places = [ranks(torch.from_numpy(each)).numpy() for each in values]
    muted = theme.MUTED_DARK if dark else theme.MUTED
    figure = go.Figure(
        go.Scatter(
            x=[1, len(heads)], y=[1, len(heads)], mode="lines", hoverinfo="skip",
            line={"color": muted, "width": 1, "dash": "dash"},
        )
    )  # fmt: skip
    ink, accent = theme.PRIMARY_DARK if dark else theme.PRIMARY, theme.accent(dark)
    figure.add_trace(
        go.Scatter(
            x=places[0],
            y=places[1],
            mode="markers",
            marker={
                "color": [accent if head in off else ink for head in heads],
                "symbol": ["x" if head in off else "circle" for head in heads],
                "size": 9 if len(heads) < 100 else 6,
                "opacity": 0.8,
            },
            selected={"marker": {"opacity": 0.8}},
            unselected={"marker": {"opacity": 0.8}},
            customdata=[
                [f"L{row} H{column}", *numbers]
                for (row, column), *numbers in zip(heads, *values, strict=True)
            ],
            hovertemplate="<b>%{customdata[0]}</b>"
            f"<br>{names[0]}: place %{{x:.4~g}}, %{{customdata[1]:+.5~g}}"
            f"<br>{names[1]}: place %{{y:.4~g}}, %{{customdata[2]:.5~g}}<extra></extra>",
        )
    )
    _lay_out(figure, names, len(heads), dark, height)
    return figure


def _lay_out(figure: go.Figure, names: tuple[str, str], heads: int, dark: bool, height: int) -> None:
    muted = theme.MUTED_DARK if dark else theme.MUTED
    room, step = 0.04 * heads, max(round(heads / 4 / 5) * 5, 1)
    for axis, name in ((figure.layout["xaxis"], names[0]), (figure.layout["yaxis"], names[1])):
        axis.update(
            title={"text": f"place by {name}", "font": {"size": 12, "color": muted}},
            range=[heads + 0.5 + room, 0.5 - room], gridcolor=GRID, zeroline=False, automargin=True,
            tickvals=[1, *range(step, heads + 1, step)],
            fixedrange=True,
        )  # fmt: skip
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor=theme.background(dark),
        font={"size": 11, "color": theme.TEXT_DARK if dark else theme.TEXT},
        hoverlabel={"align": "left"},
        showlegend=False,
        dragmode=False,
        clickmode="event+select",
    )
