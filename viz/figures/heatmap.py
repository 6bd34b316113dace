"""A head's pattern as an interactive heatmap, tokens on both axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from viz import theme
from viz.figures.layout.axes import LABEL_WIDTH, category_axis, title
from viz.figures.layout.chart import Part, chart, heat, scatter
from viz.figures.long_tokens import hover_name, tick
from viz.figures.scales import LOG_DECADES, Scale, unbent

LARGEST = 384  # cells a side that are sent to the browser; beyond it neighbouring tokens share a cell
MAX_TICKS = 42
STOPS = 33


@dataclass(frozen=True, slots=True)
class Axis:
    """Cells of one axis: a name per cell for the hover, which cells are labelled, and how."""

    names: list[str]
    shown: list[int]
    labels: list[str]


def heatmap(
    pattern: Any,
    query_tokens: Sequence[str],
    key_tokens: Sequence[str],
    *,
    scale: Scale = "square root",
    leave_out_first: bool = False,
    measure: str = "weight",
    first_token: int = 0,
    dark: bool = False,
    height: int = 560,
    largest: int | None = None,
) -> go.Figure:
    """Plotly figure of weights [query, key], queries downwards and keys to the right.

    Hovering tells the exact weight (the mean of the cell where tokens share one). The scale bends the colours, never
    the numbers. leave_out_first: the text's first key is blanked and the colours span what is left. first_token: position
    in the text of the first token given, where only a part of it is. largest: cells a side, LARGEST unless told.
    """
    cells, rows, columns = pooled(pattern, query_tokens, key_tokens, first_token, largest)
    if leave_out_first and first_token == 0:
        cells = cells.copy()
        cells[:, 0] = np.nan
    top = float(np.nanmax(cells)) if np.isfinite(cells).any() else 0.0
    top = top if top > 0 else 1.0
    traces = [
        weight_cells(cells, rows, columns, top, scale, measure, dark),
        _colour_bar(scale, top, measure, dark),
    ]
    return _chart(traces, rows, columns, dark, height)


def weight_cells(
    cells: NDArray[np.float32], rows: Axis, columns: Axis, top: float, scale: Scale, measure: str, dark: bool
) -> Part:
    """The trace of weights whose colours span 0 to `top`."""
    colours: Part = {"zmin": 0.0, "zmax": top, "colorscale": bent_scale(scale, dark)}
    return _cells(cells, rows, columns, measure, colours) | {"hoverongaps": False}


def difference_heatmap(
    first: Any,
    second: Any,
    query_tokens: Sequence[str],
    key_tokens: Sequence[str],
    *,
    dark: bool = False,
    height: int = 420,
    largest: int | None = None,
) -> go.Figure:
    """first - second [query, key], on a diverging scale with zero in the middle; largest: as in `heatmap`."""
    difference = np.asarray(first) - np.asarray(second)
    cells, rows, columns = pooled(difference, query_tokens, key_tokens, largest=largest)
    bar = {"title": {"text": "difference"}, "thickness": 12, "outlinewidth": 0}
    trace = difference_cells(cells, rows, columns, dark) | {"showscale": True, "colorbar": bar}
    return _chart([trace], rows, columns, dark, height)


def difference_cells(cells: NDArray[np.float32], rows: Axis, columns: Axis, dark: bool) -> Part:
    """The trace of differences, zero in the middle of its colours."""
    reach = float(np.abs(cells).max()) or 1.0
    colours: Part = {"zmin": -reach, "zmax": reach, "colorscale": theme.diverging_scale(dark)}
    return _cells(cells, rows, columns, "difference", colours)


def _cells(cells: NDArray[np.float32], rows: Axis, columns: Axis, measure: str, colours: Part) -> Part:
    told = f"from  %{{y}}<br>to  %{{x}}<br>{measure}  <b>%{{z:.4~g}}</b><extra></extra>"
    return heat(z=cells, x=columns.names, y=rows.names, showscale=False, hovertemplate=told, **colours)


def pooled(
    pattern: Any,
    query_tokens: Sequence[str],
    key_tokens: Sequence[str],
    first_token: int = 0,
    largest: int | None = None,
) -> tuple[NDArray[np.float32], Axis, Axis]:
    """The cells to draw and their axes: one cell a token pair, or a block's mean where a side has over `largest` tokens
    (LARGEST unless told)."""
    cells = np.asarray(pattern, dtype=np.float32)
    if cells.shape != (len(query_tokens), len(key_tokens)):
        raise ValueError(
            f"expected a pattern of {len(query_tokens)} queries x {len(key_tokens)} keys, got shape {cells.shape}"
        )
    row_edges, column_edges = (
        _edges(len(tokens), largest or LARGEST) for tokens in (query_tokens, key_tokens)
    )
    if len(row_edges) < cells.shape[0] or len(column_edges) < cells.shape[1]:
        sums = np.add.reduceat(np.add.reduceat(cells, row_edges, axis=0), column_edges, axis=1)
        counts = np.outer(_counts(row_edges, cells.shape[0]), _counts(column_edges, cells.shape[1]))
        cells = (sums / counts).astype(np.float32)
    rows = _axis(query_tokens, row_edges, first_token)
    if key_tokens == query_tokens:  # as wherever a text looks at itself
        return cells, rows, rows
    return cells, rows, _axis(key_tokens, column_edges, first_token)


@cache
def bent_scale(scale: Scale, dark: bool) -> theme.Colorscale:
    """The ink scale, its stops moved so that a weight (as part of the largest) gets the colour the scale gives it."""
    colours = theme.ink_scale(dark)
    if scale == "linear":
        return colours
    stops = np.linspace(0.0, 1.0, STOPS)
    return [
        (float(place), _colour_at(colours, float(stop)))
        for place, stop in zip(unbent(stops, scale), stops, strict=True)
    ]


def _edges(tokens: int, largest: int) -> NDArray[np.int64]:
    """First token of every cell."""
    cells = min(tokens, largest)
    return -(-np.arange(cells, dtype=np.int64) * tokens // cells)


def _counts(edges: NDArray[np.int64], tokens: int) -> NDArray[np.int64]:
    return np.diff(np.append(edges, tokens))


def _axis(tokens: Sequence[str], edges: NDArray[np.int64], first_token: int) -> Axis:
    last = np.append(edges[1:], len(tokens)) - 1
    names = [
        f"{start + first_token} {hover_name(str(tokens[start]))}"
        if start == stop
        else f"{start + first_token}-{stop + first_token} {hover_name(str(tokens[start]))}…"
        for start, stop in zip(edges.tolist(), last.tolist(), strict=True)
    ]
    shown = list(range(0, len(names), -(-len(names) // MAX_TICKS)))
    labels = [
        tick(str(tokens[edges[cell]]), LABEL_WIDTH) + "…" * bool(last[cell] > edges[cell]) for cell in shown
    ]
    return Axis(names, shown, labels)


def _colour_at(colours: theme.Colorscale, place: float) -> str:
    for (start, low), (stop, high) in pairwise(colours):
        if place <= stop:
            return _mix(low, high, (place - start) / (stop - start))
    return colours[-1][1]


def _mix(low: str, high: str, part: float) -> str:
    channels = (
        round(int(low[i : i + 2], 16) * (1 - part) + int(high[i : i + 2], 16) * part) for i in (1, 3, 5)
    )
    return "#" + "".join(f"{channel:02x}" for channel in channels)


def _colour_bar(scale: Scale, top: float, measure: str, dark: bool) -> Part:
    """An unbent colour bar with bent labels: the bar shows every colour equally, its ticks say which weight that is."""
    steps = LOG_DECADES if scale == "logarithmic" else 4
    places = [1 - step / steps for step in range(int(steps), -1, -1)]
    parts = unbent(places, scale)
    if scale == "logarithmic":
        parts[0] = 10**-LOG_DECADES  # where its lowest colour begins, which is not yet nothing
    weights = (top * parts).tolist()
    marker = {
        "color": [0.0],
        "cmin": 0.0,
        "cmax": 1.0,
        "colorscale": theme.ink_scale(dark),
        "showscale": True,
        "opacity": 0.0,
        "colorbar": {
            "title": {"text": measure, "side": "top"},
            "thickness": 12,
            "outlinewidth": 0,
            "tickvals": places,
            "ticktext": [f"{weight:.2g}" for weight in weights],
        },
    }
    return scatter(x=[None], y=[None], mode="markers", marker=marker, showlegend=False, hoverinfo="skip")


def key_axis(keys: Axis, most: int = MAX_TICKS, **own: Any) -> Part:
    """Keys, to the right. most: labels at the most; own: further parts of Plotly's axis."""
    return _token_axis(keys, most, tickangle=-60, side="top") | own


def query_axis(queries: Axis, most: int = MAX_TICKS, **own: Any) -> Part:
    """Queries, downwards. most: labels at the most; own: further parts of Plotly's axis."""
    return _token_axis(queries, most, autorange="reversed") | own


def _token_axis(tokens: Axis, most: int, **own: Any) -> Part:
    step = -(-len(tokens.shown) // most)
    return category_axis([tokens.names[cell] for cell in tokens.shown[::step]], tokens.labels[::step], **own)


def _chart(traces: Sequence[Part], rows: Axis, columns: Axis, dark: bool, height: int) -> go.Figure:
    return chart(
        traces,
        key_axis(columns, title=title("key (looked at)", dark, standoff=6)),
        query_axis(rows, title=title("query (looking)", dark, standoff=6)),
        dark=dark,
        height=height,
        dragmode="zoom",
    )
