"""How well a model does with more and more of its heads off, for several orders of taking them away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from models.pruning.curve import PruneCurve
from models.pruning.order import Order
from models.pruning.quality import Quantity
from viz import theme
from viz.figures.loss_change import GRID

QUANTITIES: dict[Quantity, str] = {
    "loss": "loss, nats per token",
    "kl": "KL from all heads, nats",
    "distance": "distance from all heads, share",
}


@dataclass(frozen=True, slots=True)
class _Style:
    name: str
    light: str
    dark: str
    dash: str
    symbol: str

    def colour(self, dark: bool) -> str:
        return self.dark if dark else self.light


_INDUCTION = theme.ROLES["induction"]
STYLES: dict[Order, _Style] = {
    "importance": _Style("least important first", theme.PRIMARY, theme.PRIMARY_DARK, "solid", "circle"),
    "gradient": _Style("by gradient", theme.SECOND, theme.SECOND_DARK, "dash", "square"),
    "iterative": _Style(
        "greedy, measured again", _INDUCTION.colour, _INDUCTION.colour_dark, "dashdot", "triangle-up"
    ),
    "random": _Style("random", theme.MUTED, theme.MUTED_DARK, "dot", "diamond"),
}


def prune_curves(
    curves: Sequence[PruneCurve],
    *,
    chosen: tuple[int, float] | None = None,
    allowed: float | None = None,
    dark: bool = False,
    height: int = 400,
) -> go.Figure:
    """Plotly figure of curves of one model on one text, in any number, each with its knee; "random" with a band of its draws.

    chosen: how many heads the visitor has off, and what was measured with them off. allowed: a number marked by a line.
    """
    figure = go.Figure()
    for curve in sorted(curves, key=lambda curve: list(STYLES).index(curve.order), reverse=True):
        if len(curve.loss) > 1:
            figure.add_trace(_band(curve, dark))
        figure.add_trace(_line(curve, dark))
    for curve in curves:
        if curve.order != "random" and curve.knee > 0:
            figure.add_trace(_knee(curve, dark))
    if curves and chosen is not None:
        figure.add_trace(_own(curves[0], *chosen, dark))
    if curves:
        _lay_out(figure, curves[0].metric, dark, height)
    if allowed is not None:
        muted = theme.MUTED_DARK if dark else theme.MUTED
        figure.add_hline(
            allowed, line={"color": muted, "width": 1, "dash": "dot"}, annotation_text="5% more",
            annotation_position="bottom right", annotation_font={"size": 11, "color": muted},
        )  # fmt: skip
    return figure


def _percent(curve: PruneCurve) -> list[float]:
    return [100 * count / curve.total for count in curve.removed]


def _line(curve: PruneCurve, dark: bool) -> go.Scatter:
    style = STYLES[curve.order]
    return go.Scatter(
        x=_percent(curve),
        y=curve.mean.tolist(),
        customdata=[[count, curve.total] for count in curve.removed],
        mode="lines+markers",
        name=style.name,
        line={"color": style.colour(dark), "width": 2, "dash": style.dash},
        marker={"color": style.colour(dark), "symbol": style.symbol, "size": 6},
        hovertemplate=f"<b>{style.name}</b><br>%{{customdata[0]}} of %{{customdata[1]}} heads off"
        "<br><b>%{y:.5~g}</b><extra></extra>",
    )


def _band(curve: PruneCurve, dark: bool) -> go.Scatter:
    """From the lowest draw to the highest."""
    low, high = curve.loss.amin(0).tolist(), curve.loss.amax(0).tolist()
    share = _percent(curve)
    red, green, blue = (int(STYLES[curve.order].colour(dark)[place : place + 2], 16) for place in (1, 3, 5))
    return go.Scatter(
        x=share + share[::-1],
        y=high + low[::-1],
        mode="lines",
        fill="toself",
        fillcolor=f"rgba({red}, {green}, {blue}, 0.18)",
        line={"width": 0},
        name=f"random, {len(curve.loss)} draws",
        showlegend=False,
        hoverinfo="skip",
    )


def _knee(curve: PruneCurve, dark: bool) -> go.Scatter:
    style, at = STYLES[curve.order], curve.knee
    main = curve.order == "importance"
    return go.Scatter(
        x=[_percent(curve)[at]],
        y=[curve.mean[at].item()],
        mode="markers+text" if main else "markers",
        text=[f"knee, {curve.share[at].item():.0%} off"],
        textposition="bottom right",
        textfont={"size": 12, "color": style.colour(dark)},
        marker={"symbol": "circle-open", "size": 16, "line": {"width": 2.5}, "color": style.colour(dark)},
        name=f"knee, {style.name}",
        showlegend=False,
        cliponaxis=False,
        hovertemplate=f"<b>knee, {style.name}</b><br>{curve.removed[at]} of {curve.total} heads off"
        "<br><b>%{y:.5~g}</b><extra></extra>",
    )


def _own(curve: PruneCurve, count: int, measured: float, dark: bool) -> go.Scatter:
    name = f"your {count} head{'s' * (count != 1)}"
    return go.Scatter(
        x=[100 * count / curve.total],
        y=[measured],
        mode="markers+text",
        text=[f"<b>{name}</b>"],
        textposition="top center",
        textfont={"size": 12, "color": theme.accent(dark)},
        marker={"symbol": "star", "size": 16, "color": theme.accent(dark)},
        name=name,
        showlegend=False,
        cliponaxis=False,
        hovertemplate=f"<b>{name} off</b> of {curve.total}<br><b>%{{y:.5~g}}</b><extra></extra>",
    )  # fmt: skip


def _lay_out(figure: go.Figure, metric: Quantity, dark: bool, height: int) -> None:
    muted = theme.MUTED_DARK if dark else theme.MUTED
    title: dict[str, Any] = {"font": {"size": 12, "color": muted}}
    figure.update_xaxes(
        title={"text": "heads off", **title}, ticksuffix="%", range=[-2, 102], gridcolor=GRID, zeroline=False,
        automargin=True,
    )  # fmt: skip
    figure.update_yaxes(
        title={"text": QUANTITIES[metric], **title}, gridcolor=GRID, zeroline=False, automargin=True, nticks=7
    )
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor=theme.background(dark),
        font={"size": 11, "color": theme.TEXT_DARK if dark else theme.TEXT},
        hoverlabel={"align": "left"},
        legend={
            "orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 12}, "traceorder": "reversed",
        },
    )  # fmt: skip
