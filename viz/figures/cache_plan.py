"""Memory that the caches of many users take as each kind of attention, and how many users fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go

from models.shape.attention_geometry import Kind
from viz import theme
from viz.figures.costs.layout import GRID, told_bytes
from viz.figures.kinds import KIND_STYLES

_BAR_HEIGHT = 46


@dataclass(frozen=True, slots=True)
class Planned:
    """One bar. label: the kind, and whether it is the model's own; bytes: all users' caches together."""

    label: str
    kind: Kind
    own: bool
    cache_bytes: int
    users_per_device: int
    devices: int


def memory_of_all(
    bars: Sequence[Planned], weight_bytes: int, room_bytes: float, device: str, *, dark: bool = False
) -> go.Figure:
    """Plotly figure: weights and caches of all users end to end, and a line where one device (`device` in words) is full.

    room_bytes: what of its memory can be used.
    """
    figure = go.Figure()
    if weight_bytes:
        figure.add_trace(_weights(bars, weight_bytes, dark))
    figure.add_trace(_caches(bars, weight_bytes, dark))
    most = max([weight_bytes + bar.cache_bytes for bar in bars] + [room_bytes])
    _lay_out(figure, bars, most * 1.42, "memory of all users (formula)", dark)
    _totals(figure, bars, weight_bytes, dark)
    ticks, names = _byte_ticks(most)
    figure.update_xaxes(tickvals=ticks, ticktext=names)
    figure.add_vline(
        x=room_bytes, layer="below", line={"color": theme.accent(dark), "width": 2, "dash": "dash"}
    )
    figure.add_annotation(
        x=room_bytes, y=1, yref="paper", yanchor="bottom", text=escape(device), showarrow=False,
        font={"size": 12, "color": theme.accent(dark)}, xanchor="left" if room_bytes < most / 2 else "right",
    )  # fmt: skip
    return figure


def users_that_fit(bars: Sequence[Planned], device: str, *, dark: bool = False) -> go.Figure:
    """Plotly figure: how many users' caches one device (`device` in words) holds beside the weights."""
    figure = go.Figure(
        go.Bar(
            x=[bar.users_per_device for bar in bars],
            y=_names(bars),
            orientation="h",
            marker=_marker(bars, dark),
            text=[f" <b>{bar.users_per_device:,}</b>" for bar in bars],
            textposition="outside",
            textangle=0,
            cliponaxis=False,
            hovertemplate=f"%{{y}}: <b>%{{x:,}}</b> users fit on {escape(device)} (formula)<extra></extra>",
        )
    )
    most = max([bar.users_per_device for bar in bars] + [1])
    _lay_out(figure, bars, most * 1.18, "users at once (formula)", dark)
    return figure


def _weights(bars: Sequence[Planned], weight_bytes: int, dark: bool) -> go.Bar:
    return go.Bar(
        x=[weight_bytes] * len(bars),
        y=_names(bars),
        orientation="h",
        name="weights",
        marker={"color": "rgba(128, 134, 152, 0.38)"},
        hovertemplate=f"weights: {weight_bytes:,} bytes (formula)<extra></extra>",
    )


def _caches(bars: Sequence[Planned], weight_bytes: int, dark: bool) -> go.Bar:
    return go.Bar(
        x=[bar.cache_bytes for bar in bars],
        y=_names(bars),
        orientation="h",
        name="caches",
        marker=_marker(bars, dark),
        customdata=[weight_bytes + bar.cache_bytes for bar in bars],
        hovertemplate="%{y}: caches of all users <b>%{x:,}</b> bytes, with weights %{customdata:,} bytes (formula)"
        "<extra></extra>",
    )


def _totals(figure: go.Figure, bars: Sequence[Planned], weight_bytes: int, dark: bool) -> None:
    """Behind each bar, on a ground of its own: the line of a full device may pass below."""
    for bar, name in zip(bars, _names(bars), strict=True):
        total = weight_bytes + bar.cache_bytes
        figure.add_annotation(
            x=total,
            y=name,
            text=f"<b>{told_bytes(total)}</b> · {bar.devices:,} device{'s' * (bar.devices != 1)}",
            xanchor="left",
            xshift=4,
            showarrow=False,
            bgcolor=theme.background(dark),
        )


def _marker(bars: Sequence[Planned], dark: bool) -> dict:
    return {"color": [KIND_STYLES[bar.kind].colour(dark) for bar in bars]}


def _names(bars: Sequence[Planned]) -> list[str]:
    return [f"<b>{escape(bar.label)}</b>" if bar.own else escape(bar.label) for bar in bars]


def _byte_ticks(most: float) -> tuple[list[float], list[str]]:
    """Four or five round ones from zero."""
    power = 10.0 ** (len(str(int(most))) - 1)
    step = next(size * power for size in (0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 2.5) if most / (size * power) <= 5)
    ticks = [step * count for count in range(int(most / step) + 1)]
    return ticks, [told_bytes(tick) if tick else "0" for tick in ticks]


def _lay_out(figure: go.Figure, bars: Sequence[Planned], most: float, title: str, dark: bool) -> None:
    muted = theme.MUTED_DARK if dark else theme.MUTED
    figure.update_xaxes(
        range=[0, most], gridcolor=GRID, zerolinecolor=GRID, nticks=6, fixedrange=True,
        automargin=True, title={"text": title, "standoff": 12, "font": {"size": 12, "color": muted}},
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", automargin=True, ticks="", ticklabelstandoff=6, fixedrange=True)
    figure.update_layout(
        barmode="stack",
        bargap=0.32,
        height=104 + _BAR_HEIGHT * len(bars),
        margin={"l": 8, "r": 12, "t": 26, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor=theme.background(dark),
        font={"size": 13, "color": theme.TEXT_DARK if dark else theme.TEXT},
        hoverlabel={"align": "left"},
        showlegend=False,
        dragmode=False,
    )
