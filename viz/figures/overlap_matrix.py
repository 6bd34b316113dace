"""How alike the parts of a latent are that heads read: all pairs as a matrix, and the angles of one pair."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from viz import theme

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
    figure = go.Figure(_cells(above, shown, level, limit, dark))
    if len(shown) <= CLICKABLE:
        # Were the cells hovered too, a click would be taken as one on a cell, which Plotly cannot select.
        figure.data[0].update(hovertemplate=None, hoverinfo="skip")
        figure.add_trace(_marks(shown, level))
    for row, column in {pair, pair[::-1]}:
        figure.add_shape(
            type="rect", x0=column - 0.5, x1=column + 0.5, y0=row - 0.5, y1=row + 0.5,
            line={"color": theme.accent(dark), "width": 2},
        )  # fmt: skip
    _lay_out(figure, len(shown), dark, height)
    return figure


def _cells(
    above: NDArray[Any], shown: NDArray[Any], level: NDArray[Any], limit: float, dark: bool
) -> go.Heatmap:
    return go.Heatmap(
        z=above,
        zmin=-limit,
        zmax=limit,
        colorscale=theme.diverging_scale(dark),
        customdata=np.stack([shown, level], axis=-1),
        hoverongaps=False,
        colorbar={
            "title": {"text": "overlap − chance", "side": "top"},
            "thickness": 12,
            "outlinewidth": 0,
            "tickformat": "+.2~g",
        },
        hovertemplate=_TOLD,
    )


_TOLD = (
    "H%{y} and H%{x}<br>overlap <b>%{customdata[0]:.4~g}</b><br>chance %{customdata[1]:.4~g}<extra></extra>"
)


def _marks(shown: NDArray[Any], level: NDArray[Any]) -> go.Scatter:
    rows, columns = np.nonzero(~np.eye(len(shown), dtype=bool))
    return go.Scatter(
        x=columns,
        y=rows,
        mode="markers",
        marker={"symbol": "square", "size": float(np.clip(310 / len(shown), 4, 60)), "opacity": 0.0},
        selected={"marker": {"opacity": 0.0}},
        unselected={"marker": {"opacity": 0.0}},
        customdata=np.stack([shown[rows, columns], level[rows, columns]], axis=-1),
        hovertemplate=_TOLD,
        showlegend=False,
    )


def _lay_out(figure: go.Figure, heads: int, dark: bool, height: int) -> None:
    ticks = list(range(0, heads, -(-heads // MAX_TICKS)))
    side = {
        "tickvals": ticks,
        "ticktext": [f"H{head}" for head in ticks],
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
        "ticks": "",
        "automargin": True,
    }
    figure.update_xaxes(**side, side="top", constrain="domain", range=[-0.5, heads - 0.5])
    figure.update_yaxes(**side, range=[heads - 0.5, -0.5], scaleanchor="x", constrain="domain")
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"size": 11, "color": theme.TEXT_DARK if dark else theme.TEXT},
        hoverlabel={"align": "left"},
        dragmode=False,
        clickmode="event+select",
    )


def principal_angles(angles: Any, *, dark: bool = False, height: int = 300) -> go.Figure:
    """Plotly figure of the principal angles [n] of two heads, radians in and degrees drawn; NaN is left out."""
    degrees = np.rad2deg(np.asarray(angles, dtype=np.float64))
    degrees = degrees[np.isfinite(degrees)]
    muted, grid = theme.MUTED_DARK if dark else theme.MUTED, "rgba(128, 134, 152, 0.22)"
    figure = go.Figure(
        go.Scatter(
            x=list(range(1, len(degrees) + 1)),
            y=degrees,
            mode="lines+markers",
            line={"color": theme.PRIMARY_DARK if dark else theme.PRIMARY, "width": 1.75},
            marker={"size": 5},
            hovertemplate="angle %{x}: <b>%{y:.4~g}°</b><extra></extra>",
        )
    )
    title = {"font": {"size": 12, "color": muted}}
    figure.update_xaxes(
        title={"text": "principal angle, smallest first", **title},
        gridcolor=grid,
        zeroline=False,
        automargin=True,
    )
    figure.update_yaxes(
        title={"text": "degrees", **title},
        range=[-3, 93],
        dtick=30,
        gridcolor=grid,
        zeroline=False,
        automargin=True,
    )
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"size": 11, "color": theme.TEXT_DARK if dark else theme.TEXT},
        dragmode=False,
    )
    return figure
