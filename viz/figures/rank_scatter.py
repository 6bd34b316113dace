"""Whether two measures of importance agree: each head's place in the one against its place in the other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from numpy.typing import NDArray

from models.pruning.rank_agreement import ranks
from viz import theme
from viz.figures.layout.axes import axis
from viz.figures.layout.chart import CLICK_CHOOSES, Part, chart, scatter


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
    return chart(
        [_agreed(len(heads), dark), _points(heads, values, places, names, off, dark)],
        _place_axis(names[0], len(heads), dark),
        _place_axis(names[1], len(heads), dark),
        dark=dark,
        height=height,
        **CLICK_CHOOSES,
    )


def _agreed(heads: int, dark: bool) -> Part:
    line = {"color": theme.muted(dark), "width": 1, "dash": "dash"}
    return scatter(x=[1, heads], y=[1, heads], mode="lines", hoverinfo="skip", line=line)


def _points(
    heads: Sequence[tuple[int, int]],
    values: Sequence[NDArray[Any]],
    places: Sequence[NDArray[Any]],
    names: tuple[str, str],
    off: Collection[tuple[int, int]],
    dark: bool,
) -> Part:
    ink, accent = theme.primary(dark), theme.accent(dark)
    numbers = zip(*(each.astype(np.float32).tolist() for each in values), strict=True)
    return scatter(
        x=places[0].astype(np.float32),
        y=places[1].astype(np.float32),
        mode="markers",
        marker={
            "color": [accent if head in off else ink for head in heads],
            "symbol": ["x" if head in off else "circle" for head in heads],
            "size": 9 if len(heads) < 100 else 6,
            "opacity": 0.8,
        },
        selected={"marker": {"opacity": 0.8}},
        unselected={"marker": {"opacity": 0.8}},
        customdata=[[f"L{row} H{column}", *told] for (row, column), told in zip(heads, numbers, strict=True)],
        hovertemplate="<b>%{customdata[0]}</b>"
        f"<br>{names[0]}: place %{{x:.4~g}}, %{{customdata[1]:+.5~g}}"
        f"<br>{names[1]}: place %{{y:.4~g}}, %{{customdata[2]:.5~g}}<extra></extra>",
    )


def _place_axis(name: str, heads: int, dark: bool) -> Part:
    """The most important head on the right, or on top."""
    room, step = 0.04 * heads, max(round(heads / 4 / 5) * 5, 1)
    return axis(
        f"place by {name}", dark, range=[heads + 0.5 + room, 0.5 - room], fixedrange=True,
        tickvals=[1, *range(step, heads + 1, step)],
    )  # fmt: skip
