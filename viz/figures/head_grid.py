"""A number of every head as a grid, layers down and heads across; a click chooses a head."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from viz import theme
from viz.figures.layout.axes import bare_axis, numbered
from viz.figures.layout.chart import CLICK_CHOOSES, UNPALED, UNSEEN, Part, chart, heat, scatter

MAX_TICKS = 18
ROW, LEAST, MOST = 26, 300, 560  # pixels: of a layer's row, and of the whole grid
TICKS = (-1.0, -0.25, 0.0, 0.25, 1.0)  # of the colours' reach


def head_grid(
    values: Any,
    *,
    measure: str,
    unit: str,
    off: Collection[tuple[int, int]] = (),
    beside: tuple[str, Any] | None = None,
    title: str = "",
    dark: bool = False,
) -> go.Figure:
    """Plotly figure of a number [layer, head], orange below zero and indigo above; NaN where there is no head.

    Colours grow with the square root of the number, so that one strong head does not make all others look alike. measure,
    unit: what the hover text says; beside: another number [layer, head] that it names; title: of the colour bar. off: heads
    that are crossed out. The last trace holds a mark a head that a click can choose, since cells cannot be.
    """
    shown = np.asarray(values, dtype=np.float64)
    limit = float(np.nanmax(np.abs(shown), initial=0.0)) or 1.0
    rows, columns = shown.shape
    side = bare_axis(fixedrange=True, tickangle=0)
    return chart(
        [_cells(shown, limit, title, dark), _crosses(off, dark), _marks(shown, measure, unit, beside, dark)],
        side | numbered("H", columns, MAX_TICKS) | {"side": "top", "range": [-0.5, columns - 0.5]},
        side | numbered("L", rows, MAX_TICKS) | {"range": [rows - 0.5, -0.5]},
        dark=dark,
        height=int(np.clip(ROW * rows + 40, LEAST, MOST)),
        margin={"l": 4, "r": 4, "t": 4, "b": 4},
        **CLICK_CHOOSES,
    )


def _cells(shown: NDArray[Any], limit: float, title: str, dark: bool) -> Part:
    reach = limit**0.5
    return heat(
        z=(np.sign(shown) * np.sqrt(np.abs(shown))).astype(np.float32),
        zmin=-reach,
        zmax=reach,
        colorscale=theme.diverging_scale(dark),
        xgap=2,
        ygap=2,
        hoverinfo="skip",
        colorbar={
            "title": {"text": title, "side": "right", "font": {"size": 11}},
            "thickness": 10,
            "outlinewidth": 0,
            "tickvals": [float(np.sign(tick) * np.sqrt(abs(tick) * limit)) for tick in TICKS],
            "ticktext": [f"{tick * limit:+.2g}" if tick else "0" for tick in TICKS],
        },
    )


def _crosses(off: Collection[tuple[int, int]], dark: bool) -> Part:
    return scatter(
        x=[head for _, head in sorted(off)],
        y=[layer for layer, _ in sorted(off)],
        mode="markers",
        name="off",
        marker={"symbol": "x-thin", "size": 11, "line": {"width": 2.5, "color": theme.accent(dark)}},
        hoverinfo="skip",
        **UNPALED,
    )


def _marks(shown: NDArray[Any], measure: str, unit: str, beside: tuple[str, Any] | None, dark: bool) -> Part:
    rows, columns = np.nonzero(np.isfinite(shown))
    told = [shown[rows, columns]]
    second = ""
    if beside is not None:
        told.append(np.asarray(beside[1], dtype=np.float64)[rows, columns])
        second = f"<br>{beside[0]} %{{customdata[1]:.5~g}}"
    return scatter(
        x=columns,
        y=rows,
        mode="markers",
        marker={"symbol": "square", "size": 22, "opacity": 0.0, "color": theme.primary(dark)},
        customdata=np.stack(told, axis=-1).astype(np.float32),
        hovertemplate=f"<b>L%{{y}} H%{{x}}</b><br>{measure} <b>%{{customdata[0]:+.5~g}}</b> {unit}{second}<extra></extra>",
        **UNSEEN,
    )
