"""A head's pattern small, to stand beside others on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go

from viz import theme
from viz.figures.heatmap import Axis, difference_cells, key_axis, pooled, query_axis, weight_cells
from viz.figures.layout.chart import Part, chart
from viz.figures.layout.lines import frame
from viz.figures.scales import Scale

LARGEST = 192  # cells a side: more are no larger than a pixel here
TICKS = 14


def small_heatmap(
    pattern: Any,
    tokens: Sequence[str],
    *,
    top: float,
    marked: int | None = None,
    mark: Literal["query", "key"] = "query",
    scale: Scale = "square root",
    leave_out_first: bool = False,
    measure: str = "weight",
    key_tokens: Sequence[str] | None = None,
    dark: bool = False,
    height: int = 280,
) -> go.Figure:
    """`heatmap` of weights [query, key] without colour bar and titles, its colours spanning 0 to `top`.

    key_tokens: the keys where they are another text than `tokens`, the queries.
    marked: the token whose row (mark="query") or column (mark="key") is framed.
    """
    keys = tokens if key_tokens is None else key_tokens
    cells, rows, columns = pooled(pattern, tokens, keys, largest=LARGEST)
    if leave_out_first:
        cells = cells.copy()
        cells[:, 0] = np.nan
    trace = weight_cells(cells, rows, columns, top, scale, measure, dark)
    marks = [] if marked is None else [_frame(marked * len(cells) // len(tokens), mark, len(cells), dark)]
    return _chart(trace, rows, columns, dark, height, shapes=marks)


def small_difference(
    first: Any,
    second: Any,
    tokens: Sequence[str],
    *,
    key_tokens: Sequence[str] | None = None,
    dark: bool = False,
    height: int = 280,
) -> go.Figure:
    """`difference_heatmap` of two patterns [query, key], as small; its colours span what there is."""
    keys = tokens if key_tokens is None else key_tokens
    cells, rows, columns = pooled(np.asarray(first) - np.asarray(second), tokens, keys, largest=LARGEST)
    return _chart(difference_cells(cells, rows, columns, dark), rows, columns, dark, height)


def _chart(trace: Part, rows: Axis, columns: Axis, dark: bool, height: int, **own: Any) -> go.Figure:
    """Fewer labels, no titles, narrow margins."""
    return chart(
        [trace], key_axis(columns, TICKS), query_axis(rows, TICKS), dark=dark, height=height, font_size=10,
        margin={"l": 4, "r": 4, "t": 4, "b": 4}, dragmode="zoom", **own,
    )  # fmt: skip


def _frame(cell: int, mark: str, cells: int, dark: bool) -> Part:
    """Along the axis a category's place is its number."""
    band, whole = (cell - 0.5, cell + 0.5), (-0.5, cells - 0.5)
    columns, rows = (whole, band) if mark == "query" else (band, whole)
    return frame(columns, rows, {"color": theme.accent(dark), "width": 1.5})
