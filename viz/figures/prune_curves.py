"""How well a model does with more and more of its heads off, for several orders of taking them away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
import torch

from models.pruning.curve import PruneCurve
from models.pruning.order import Order
from models.pruning.quality import Quantity
from viz import theme
from viz.figures.layout.axes import axis
from viz.figures.layout.chart import Part, chart, legend_above, scatter
from viz.figures.layout.lines import allowed_loss

QUANTITIES: dict[Quantity, str] = {
    "loss": "loss, nats per token",
    "kl": "KL from all heads, nats",
    "distance": "distance from all heads, share",
}


@dataclass(frozen=True, slots=True)
class _Style:
    """colour: of a theme, dark or not."""

    name: str
    colour: Callable[[bool], str]
    dash: str
    symbol: str


STYLES: dict[Order, _Style] = {
    "importance": _Style("least important first", theme.primary, "solid", "circle"),
    "gradient": _Style("by gradient", theme.second, "dash", "square"),
    "iterative": _Style("greedy, measured again", theme.ROLES["induction"].on, "dashdot", "triangle-up"),
    "random": _Style("random", theme.muted, "dot", "diamond"),
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
    traces = []
    for curve in sorted(curves, key=lambda curve: list(STYLES).index(curve.order), reverse=True):
        if len(curve.loss) > 1:
            traces.append(_band(curve, dark))
        traces.append(_line(curve, dark))
    traces += [_knee(curve, dark) for curve in curves if curve.order != "random" and curve.knee > 0]
    if curves and chosen is not None:
        traces.append(_own(curves[0], *chosen, dark))
    return chart(
        traces,
        axis("heads off", dark, ticksuffix="%", range=[-2, 102]),
        axis(QUANTITIES[curves[0].metric] if curves else "", dark, nticks=7),
        dark=dark,
        height=height,
        legend=legend_above(traceorder="reversed"),
        **({} if allowed is None else allowed_loss(allowed, dark)),
    )


def _percent(curve: PruneCurve) -> list[float]:
    return [100 * count / curve.total for count in curve.removed]


def _line(curve: PruneCurve, dark: bool) -> Part:
    style = STYLES[curve.order]
    return scatter(
        x=_percent(curve),
        y=curve.mean.numpy(),
        customdata=list(curve.removed),
        mode="lines+markers",
        name=style.name,
        line={"color": style.colour(dark), "width": 2, "dash": style.dash},
        marker={"color": style.colour(dark), "symbol": style.symbol, "size": 6},
        hovertemplate=f"<b>{style.name}</b><br>%{{customdata}} of {curve.total} heads off"
        "<br><b>%{y:.5~g}</b><extra></extra>",
    )


def _band(curve: PruneCurve, dark: bool) -> Part:
    """From the lowest draw to the highest."""
    share = _percent(curve)
    return scatter(
        x=share + share[::-1],
        y=torch.cat([curve.loss.amax(0), curve.loss.amin(0).flip(0)]).numpy(),
        mode="lines",
        fill="toself",
        fillcolor=theme.translucent(STYLES[curve.order].colour(dark), 0.18),
        line={"width": 0},
        name=f"random, {len(curve.loss)} draws",
        showlegend=False,
        hoverinfo="skip",
    )


def _knee(curve: PruneCurve, dark: bool) -> Part:
    style, at = STYLES[curve.order], curve.knee
    main = curve.order == "importance"
    return scatter(
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


def _own(curve: PruneCurve, count: int, measured: float, dark: bool) -> Part:
    name = f"your {count} head{'s' * (count != 1)}"
    return scatter(
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
