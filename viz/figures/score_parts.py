"""A head's scores before the softmax, in their parts: content, rotary and sum, side by side on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from viz import theme
from viz.figures.heatmap import Axis, key_axis, pooled, query_axis
from viz.figures.layout.axes import domains
from viz.figures.layout.chart import MARGIN, Part, chart, heat
from viz.figures.layout.lines import frame, note

PARTS = ("content", "rotary", "sum")
PLOTS = ("", "2", "3")  # the numbers of their axes
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
    shown = drawn[0][1]
    traces = [
        _heatmap(name, cells, axis, centred) | {"xaxis": f"x{plot}", "yaxis": f"y{plot}"}
        for plot, name, (cells, axis) in zip(PLOTS, PARTS, drawn, strict=True)
    ]
    return chart(
        traces,
        dark=dark,
        height=height,
        font_size=10,
        margin=MARGIN | {"t": 26},
        dragmode="zoom",
        shapes=[]
        if marked is None
        else _frames(marked * len(shown.names) // len(tokens), len(shown.names), dark),
        annotations=_names(dark),
        coloraxis=_colours(reach, dark),
        **_axes(shown),
    )


def _centred(part: NDArray[Any], seen: NDArray[Any]) -> NDArray[Any]:
    means = part.sum(-1, keepdims=True) / np.maximum(seen.sum(-1, keepdims=True), 1)
    return np.where(seen, part - means, 0.0)


def _cells(part: NDArray[Any], seen: NDArray[Any], tokens: Sequence[str]) -> tuple[NDArray[Any], Axis]:
    """Cells to draw, NaN where nothing is seen; where tokens share a cell, the mean of those pairs that are seen."""
    sums, axis, _ = pooled(part, tokens, tokens, largest=LARGEST)
    share, _, _ = pooled(seen, tokens, tokens, largest=LARGEST)
    cells = np.divide(sums, share, out=np.full_like(sums, np.nan), where=share > 0)
    return cells, axis


def _heatmap(name: str, cells: NDArray[Any], axis: Axis, centred: bool) -> Part:
    measure = f"{name}, from the query's mean" if centred else name
    return heat(
        z=cells,
        x=axis.names,
        y=axis.names,
        name=name,
        coloraxis="coloraxis",
        hoverongaps=False,
        hovertemplate=f"from  %{{y}}<br>to  %{{x}}<br>{measure}  <b>%{{z:.5~g}}</b><extra></extra>",
    )


def _axes(shown: Axis) -> dict[str, Part]:
    """The first part's axes, which the other two follow."""
    made = {}
    for plot, domain in zip(PLOTS, domains((1, 1, 1), 0.012), strict=True):
        made[f"xaxis{plot}"] = key_axis(
            shown, TICKS, side="bottom", matches="x", domain=domain, anchor=f"y{plot}"
        )
        follows = {"matches": "y", "showticklabels": False} if plot else {}
        made[f"yaxis{plot}"] = query_axis(shown, TICKS, anchor=f"x{plot}", **follows)
    return made


def _names(dark: bool) -> list[Part]:
    return [
        note(
            f"<b>{name}</b>", theme.text(dark), 13, x=0.5, xref=f"x{plot} domain", y=1.0, yref="paper", yanchor="bottom"
        )
        for plot, name in zip(PLOTS, PARTS, strict=True)
    ]  # fmt: skip


def _colours(reach: float, dark: bool) -> Part:
    bar = {"title": {"text": "score"}, "thickness": 12, "outlinewidth": 0}
    return {"colorscale": theme.diverging_scale(dark), "cmin": -reach, "cmax": reach, "colorbar": bar}


def _frames(cell: int, cells: int, dark: bool) -> list[Part]:
    """Along an axis a category's place is its number."""
    line = {"color": theme.accent(dark), "width": 1.5}
    return [frame((-0.5, cells - 0.5), (cell - 0.5, cell + 0.5), line, plot=plot) for plot in PLOTS]
