"""Two numbers of every head as bars: one of its key above, one of its value below."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from viz import theme
from viz.figures.layout.axes import axis, domains, numbered
from viz.figures.layout.chart import CLICK_CHOOSES, MARGIN, UNPALED, Part, bars, chart, scatter

PARTS = ("key", "value")
MAX_TICKS = 24


def head_bars(
    keys: Any,
    values: Any,
    key_means: Any,
    value_means: Any,
    *,
    measure: str,
    mean_of: str,
    selected: int,
    tops: tuple[float, float] | None = None,
    dark: bool = False,
    height: int = 220,
) -> go.Figure:
    """Plotly figure of a number [head] of each head's key and value, the mean [head] it is to be held against as a thin mark.

    measure: what the numbers are, for the hover; mean_of: what the means are over. selected: the head in the accent colour.
    tops: how high the two axes reach, so that a choice of another position does not change the scale.
    """
    means = (key_means, value_means)
    drawn = [_numbers(part, mean) for part, mean in zip((keys, values), means, strict=True)]
    traces = []
    for plot, part, (numbers, mean) in zip(("", "2"), PARTS, drawn, strict=True):
        at = {"xaxis": f"x{plot}", "yaxis": f"y{plot}"}
        traces += [
            _bars(part, numbers, mean, measure, mean_of, selected, dark) | at, _marks(part, mean, dark) | at
        ]  # fmt: skip
    heads = len(drawn[0][0])
    reach = {"range": [-0.6, heads - 0.4], "showgrid": False, "zeroline": False, "fixedrange": True}
    below, above = domains((1, 1), 0.09)
    key_top, value_top = tops or (None, None)
    return chart(
        traces,
        reach | {"matches": "x2", "showticklabels": False},
        _part_axis(PARTS[0], key_top, dark) | {"domain": above},
        xaxis2=reach | numbered("H", heads, MAX_TICKS) | {"tickangle": 0, "anchor": "y2"},
        yaxis2=_part_axis(PARTS[1], value_top, dark) | {"domain": below, "anchor": "x2"},
        dark=dark,
        height=height,
        margin=MARGIN | {"t": 6},
        bargap=0.25,
        **CLICK_CHOOSES,
    )


def _numbers(numbers: Any, means: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    bars, marks = np.asarray(numbers, dtype=np.float32), np.asarray(means, dtype=np.float32)
    if bars.shape != marks.shape or bars.ndim != 1:
        raise ValueError(
            f"expected numbers and means [head] alike, got shapes {bars.shape} and {marks.shape}"
        )
    return bars, marks


def _part_axis(part: str, top: float | None, dark: bool) -> Part:
    reach: Part = {} if top is None else {"range": [0, (top or 1.0) * 1.04]}
    return axis(part, dark, zero=theme.GRID, rangemode="tozero", nticks=4, fixedrange=True, **reach)


def _bars(
    part: str,
    numbers: NDArray[np.float32],
    means: NDArray[np.float32],
    measure: str,
    mean_of: str,
    selected: int,
    dark: bool,
) -> Part:
    ink = theme.primary(dark)
    return bars(
        x=list(range(len(numbers))),
        y=numbers,
        name=part,
        customdata=means,
        marker={"color": [theme.accent(dark) if head == selected else ink for head in range(len(numbers))]},
        hovertemplate=f"H%{{x}}<br>{part}: {measure} <b>%{{y:.5~g}}</b><br>{mean_of} %{{customdata:.5~g}}<extra></extra>",
        **UNPALED,
    )


def _marks(part: str, means: NDArray[np.float32], dark: bool) -> Part:
    """A short line across each bar, as wide as there is room."""
    size = float(np.clip(220 / max(len(means), 1), 3, 26))
    return scatter(
        x=list(range(len(means))),
        y=means,
        name=f"{part}, mean",
        mode="markers",
        marker={"symbol": "line-ew", "size": size, "line": {"width": 2, "color": theme.text(dark)}},
        hoverinfo="skip",
        **UNPALED,
    )
