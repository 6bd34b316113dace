"""A number of every head as a grid, layers down and heads across; a click chooses a head."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from viz import theme

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
    figure = go.Figure(_cells(shown, limit, title, dark))
    figure.add_trace(_crosses(off, dark))
    figure.add_trace(_marks(shown, measure, unit, beside))
    _lay_out(figure, shown, dark)
    return figure


def _cells(shown: NDArray[Any], limit: float, title: str, dark: bool) -> go.Heatmap:
    reach = limit**0.5
    return go.Heatmap(
        z=np.sign(shown) * np.sqrt(np.abs(shown)),
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


def _crosses(off: Collection[tuple[int, int]], dark: bool) -> go.Scatter:
    return go.Scatter(
        x=[head for _, head in sorted(off)],
        y=[layer for layer, _ in sorted(off)],
        mode="markers",
        name="off",
        marker={"symbol": "x-thin", "size": 11, "line": {"width": 2.5, "color": theme.accent(dark)}},
        selected={"marker": {"opacity": 1.0}},
        unselected={"marker": {"opacity": 1.0}},
        hoverinfo="skip",
    )


def _marks(shown: NDArray[Any], measure: str, unit: str, beside: tuple[str, Any] | None) -> go.Scatter:
    rows, columns = np.nonzero(np.isfinite(shown))
    told = [shown[rows, columns]]
    second = ""
    if beside is not None:
        told.append(np.asarray(beside[1], dtype=np.float64)[rows, columns])
        second = f"<br>{beside[0]} %{{customdata[1]:.5~g}}"
    return go.Scatter(
        x=columns,
        y=rows,
        mode="markers",
        marker={"symbol": "square", "size": 22, "opacity": 0.0},
        selected={"marker": {"opacity": 0.0}},
        unselected={"marker": {"opacity": 0.0}},
        customdata=np.stack(told, axis=-1),
        hovertemplate=f"<b>L%{{y}} H%{{x}}</b><br>{measure} <b>%{{customdata[0]:+.5~g}}</b> {unit}{second}<extra></extra>",
    )


def _lay_out(figure: go.Figure, shown: NDArray[Any], dark: bool) -> None:
    for axis, count, letter in (
        (figure.layout["xaxis"], shown.shape[1], "H"),
        (figure.layout["yaxis"], shown.shape[0], "L"),
    ):
        ticks = list(range(0, count, -(-count // MAX_TICKS)))
        axis.update(
            tickvals=ticks, ticktext=[f"{letter}{tick}" for tick in ticks], showgrid=False, zeroline=False,
            fixedrange=True, ticks="", automargin=True, tickangle=0,
        )  # fmt: skip
    figure.update_xaxes(side="top", range=[-0.5, shown.shape[1] - 0.5])
    figure.update_yaxes(range=[shown.shape[0] - 0.5, -0.5])
    figure.update_layout(
        height=int(np.clip(ROW * shown.shape[0] + 40, LEAST, MOST)),
        margin={"l": 4, "r": 4, "t": 4, "b": 4},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"size": 11, "color": theme.TEXT_DARK if dark else theme.TEXT},
        hoverlabel={"align": "left"},
        showlegend=False,
        dragmode=False,
        clickmode="event+select",
    )
