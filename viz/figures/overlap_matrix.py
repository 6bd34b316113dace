"""How alike the parts of a latent are that heads read: all pairs as a matrix, and the angles of one pair."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from viz import theme
from viz.figures.layout.axes import axis, bare_axis, numbered
from viz.figures.layout.chart import CLICK_CHOOSES, UNSEEN, Part, chart, heat, scatter
from viz.figures.layout.lines import frame

MAX_TICKS = 16
CLICKABLE = 64  # heads; beyond it a mark a cell would cost more than it brings


def overlap_matrix(
    overlap: Any, chance: Any, *, pair: tuple[int, int], dark: bool = False, height: int = 380
) -> go.Figure:
    """Plotly figure of an overlap [head, head], 0 to 1, less what chance would give [head, head].

    Colours: orange below chance, indigo above. A head with itself is left blank: it would drown the rest. pair: framed.
    The last trace holds a mark a cell that a click can choose, since cells of a heatmap cannot be.
    """
    shown, level = (np.asarray(table, dtype=np.float64) for table in (overlap, chance))
    if shown.shape != level.shape or shown.ndim != 2 or shown.shape[0] != shown.shape[1]:
        raise ValueError(
            f"expected overlap and chance [head, head] alike, got {shown.shape} and {level.shape}"
        )
    above = np.where(np.eye(len(shown), dtype=bool), np.nan, shown - level)
    limit = float(np.nanmax(np.abs(above), initial=0.0)) or 1.0
    clickable = len(shown) <= CLICKABLE
    cells = _cells(above, shown, level, limit, dark, hovered=not clickable)
    line = {"color": theme.accent(dark), "width": 2}
    ends = [-0.5, len(shown) - 0.5]
    side = bare_axis(fixedrange=True, constrain="domain", **numbered("H", len(shown), MAX_TICKS))
    return chart(
        [cells, _marks(shown, level, dark)] if clickable else [cells],
        side | {"side": "top", "range": ends},
        side | {"range": ends[::-1], "scaleanchor": "x"},
        dark=dark,
        height=height,
        shapes=[
            frame((column - 0.5, column + 0.5), (row - 0.5, row + 0.5), line)
            for row, column in sorted({pair, pair[::-1]})
        ],
        **CLICK_CHOOSES,
    )


def _cells(
    above: NDArray[Any], shown: NDArray[Any], level: NDArray[Any], limit: float, dark: bool, *, hovered: bool
) -> Part:
    bar = {
        "title": {"text": "overlap − chance", "side": "top"},
        "thickness": 12,
        "outlinewidth": 0,
        "tickformat": "+.2~g",
    }
    # Were the cells hovered beside their marks, a click would be taken as one on a cell, which Plotly cannot select.
    told = {"customdata": _both(shown, level), "hovertemplate": _TOLD} if hovered else {"hoverinfo": "skip"}
    return heat(
        z=above.astype(np.float32),
        zmin=-limit,
        zmax=limit,
        colorscale=theme.diverging_scale(dark),
        hoverongaps=False,
        colorbar=bar,
        **told,
    )


_TOLD = (
    "H%{y} and H%{x}<br>overlap <b>%{customdata[0]:.4~g}</b><br>chance %{customdata[1]:.4~g}<extra></extra>"
)


def _marks(shown: NDArray[Any], level: NDArray[Any], dark: bool) -> Part:
    rows, columns = np.nonzero(~np.eye(len(shown), dtype=bool))
    marker = {
        "symbol": "square", "size": float(np.clip(310 / len(shown), 4, 60)), "opacity": 0.0, "color": theme.primary(dark),
    }  # fmt: skip
    return scatter(
        x=columns,
        y=rows,
        mode="markers",
        marker=marker,
        customdata=_both(shown[rows, columns], level[rows, columns]),
        hovertemplate=_TOLD,
        **UNSEEN,
    )


def _both(shown: NDArray[Any], level: NDArray[Any]) -> NDArray[np.float32]:
    return np.stack([shown, level], axis=-1).astype(np.float32)


def principal_angles(angles: Any, *, dark: bool = False, height: int = 300) -> go.Figure:
    """Plotly figure of the principal angles [n] of two heads, radians in and degrees drawn; NaN is left out."""
    degrees = np.rad2deg(np.asarray(angles, dtype=np.float64))
    degrees = degrees[np.isfinite(degrees)]
    line = scatter(
        x0=1,
        dx=1,
        y=degrees.astype(np.float32),
        mode="lines+markers",
        line={"color": theme.primary(dark), "width": 1.75},
        marker={"size": 5},
        hovertemplate="angle %{x}: <b>%{y:.4~g}°</b><extra></extra>",
    )
    return chart(
        [line],
        axis("principal angle, smallest first", dark),
        axis("degrees", dark, range=[-3, 93], dtick=30),
        dark=dark,
        height=height,
        dragmode=False,
    )
