"""A head's scores before the softmax, in their parts: content, rotary and sum, side by side on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from viz import theme
from viz.figures.heatmap import Axis, pooled

PARTS = ("content", "rotary", "sum")
LARGEST = 192  # cells a side: more are no larger than a pixel here
TICKS = 11


def score_heatmaps(
    content: Any,
    rotary: Any,
    visible: Any,
    tokens: Sequence[str],
    *,
    centred: bool = True,
    marked: int | None = None,
    dark: bool = False,
    height: int = 400,
) -> go.Figure:
    """Three heatmaps of scaled scores [query, key] that add up, the third to the sum of the first two; zoomed together.

    visible: which keys a query may see, bool [query, key]; the other cells stay blank. centred: less each query's mean over
    the keys it sees, which the softmax does not notice. One diverging scale, zero in its middle. marked: the query framed.
    """
    seen = np.asarray(visible, dtype=bool)
    both = [np.where(seen, np.asarray(part, dtype=np.float64), 0.0) for part in (content, rotary)]
    if centred:
        both = [_centred(part, seen) for part in both]
    drawn = [_cells(part, seen, tokens) for part in (*both, both[0] + both[1])]
    reach = max((float(np.nanmax(np.abs(cells))) for cells, _ in drawn), default=0.0) or 1.0
    figure = make_subplots(1, 3, shared_yaxes=True, horizontal_spacing=0.012)
    for column, (name, (cells, axis)) in enumerate(zip(PARTS, drawn, strict=True), start=1):
        figure.add_trace(_heatmap(name, cells, axis, centred), 1, column)
    _lay_out(figure, drawn[0][1], reach, dark, height)
    if marked is not None:
        _frame(figure, marked * len(drawn[0][1].names) // len(tokens), len(drawn[0][1].names), dark)
    return figure


def _centred(part: NDArray[Any], seen: NDArray[Any]) -> NDArray[Any]:
    means = part.sum(-1, keepdims=True) / np.maximum(seen.sum(-1, keepdims=True), 1)
    return np.where(seen, part - means, 0.0)


def _cells(part: NDArray[Any], seen: NDArray[Any], tokens: Sequence[str]) -> tuple[NDArray[Any], Axis]:
    """Cells to draw, NaN where nothing is seen; where tokens share a cell, the mean of those pairs that are seen."""
    sums, axis, _ = pooled(part, tokens, tokens, largest=LARGEST)
    share, _, _ = pooled(seen, tokens, tokens, largest=LARGEST)
    cells = np.divide(sums, share, out=np.full_like(sums, np.nan), where=share > 0)
    return cells, axis


def _heatmap(name: str, cells: NDArray[Any], axis: Axis, centred: bool) -> go.Heatmap:
    measure = f"{name}, from the query's mean" if centred else name
    return go.Heatmap(
        z=cells,
        x=axis.names,
        y=axis.names,
        name=name,
        coloraxis="coloraxis",
        hoverongaps=False,
        hovertemplate=f"from  %{{y}}<br>to  %{{x}}<br>{measure}  <b>%{{z:.5~g}}</b><extra></extra>",
    )


def _lay_out(figure: go.Figure, axis: Axis, reach: float, dark: bool, height: int) -> None:
    step = -(-len(axis.names) // TICKS)
    names = axis.names[::step]
    side = {
        "type": "category",
        "showgrid": False,
        "zeroline": False,
        "ticks": "",
        "tickmode": "array",
        "tickvals": names,
        "ticktext": [name.split(" ", 1)[1] for name in names],
        "automargin": True,
    }
    figure.update_xaxes(**side, tickangle=-60, side="bottom", matches="x")
    figure.update_yaxes(**side, autorange="reversed")
    text = theme.TEXT_DARK if dark else theme.TEXT
    for column, name in enumerate(PARTS, start=1):
        title = {"text": f"<b>{name}</b>", "font": {"size": 13, "color": text}}
        figure.add_annotation(
            **title, x=0.5, y=1.0, xref=f"x{column} domain" if column > 1 else "x domain", yref="paper",
            yanchor="bottom", showarrow=False,
        )  # fmt: skip
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 26, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor=theme.background(dark),
        font={"size": 10, "color": text},
        hoverlabel={"align": "left"},
        dragmode="zoom",
        coloraxis={
            "colorscale": theme.diverging_scale(dark),
            "cmin": -reach,
            "cmax": reach,
            "colorbar": {"title": {"text": "score"}, "thickness": 12, "outlinewidth": 0},
        },
    )


def _frame(figure: go.Figure, cell: int, cells: int, dark: bool) -> None:
    """Along an axis a category's place is its number."""
    line = {"color": theme.accent(dark), "width": 1.5}
    figure.add_shape(
        type="rect", x0=-0.5, x1=cells - 0.5, y0=cell - 0.5, y1=cell + 0.5, line=line, row="all", col="all"
    )
