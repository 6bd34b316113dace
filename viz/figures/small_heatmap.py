"""A head's pattern small, to stand beside others on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import plotly.graph_objects as go

from viz import theme
from viz.figures.heatmap import difference_heatmap, heatmap
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
    figure = heatmap(
        pattern, tokens, tokens if key_tokens is None else key_tokens, scale=scale, leave_out_first=leave_out_first,
        measure=measure, dark=dark, height=height, largest=LARGEST,
    )  # fmt: skip
    cells: Any = figure.data[0]
    figure.data = (cells,)  # the colour bar goes: it names this pattern's own strongest weight
    cells.zmax = top
    _small(figure)
    if marked is not None:
        _frame(figure, marked * len(cells.y) // len(tokens), mark, len(cells.y), dark)
    return figure


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
    figure = difference_heatmap(first, second, tokens, keys, dark=dark, height=height, largest=LARGEST)
    figure.update_traces(showscale=False)
    _small(figure)
    return figure


def _small(figure: go.Figure) -> None:
    """Fewer labels, no titles, narrow margins."""
    axes: tuple[Any, ...] = (figure.layout["xaxis"], figure.layout["yaxis"])
    for axis in axes:
        step = -(-len(axis.tickvals) // TICKS)
        axis.update(title=None, tickvals=axis.tickvals[::step], ticktext=axis.ticktext[::step])
    figure.update_layout(font={"size": 10}, margin={"l": 4, "r": 4, "t": 4, "b": 4})


def _frame(figure: go.Figure, cell: int, mark: str, cells: int, dark: bool) -> None:
    """Along the axis a category's place is its number."""
    band, whole = (cell - 0.5, cell + 0.5), (-0.5, cells - 0.5)
    (x0, x1), (y0, y1) = (whole, band) if mark == "query" else (band, whole)
    line = {"color": theme.accent(dark), "width": 1.5}
    figure.add_shape(type="rect", x0=x0, x1=x1, y0=y0, y1=y1, line=line)
