"""Memory that the caches of many users take as each kind of attention, and how many users fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import plotly.graph_objects as go

from models.shape.attention_geometry import Kind
from viz import theme
from viz.figures.kinds import KIND_STYLES
from viz.figures.layout.axes import axis
from viz.figures.layout.chart import Part, bars, chart
from viz.figures.layout.lines import note, upright
from viz.figures.layout.ticks import byte_ticks
from viz.figures.number_text import told_bytes

_BAR_HEIGHT, _FONT = 46, 13  # pixels
_WEIGHTS = "rgba(128, 134, 152, 0.38)"  # grey on either ground


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
    planned: Sequence[Planned], weight_bytes: int, room_bytes: float, device: str, *, dark: bool = False
) -> go.Figure:
    """Plotly figure: weights and caches of all users end to end, and a line where one device (`device` in words) is full.

    room_bytes: what of its memory can be used.
    """
    traces = [_weights(planned, weight_bytes)] if weight_bytes else []
    most = max([weight_bytes + one.cache_bytes for one in planned] + [room_bytes])
    accent = theme.accent(dark)
    full = {"color": accent, "width": 2, "dash": "dash"}
    named = note(
        escape(device), accent, x=room_bytes, y=1, yref="paper", yanchor="bottom",
        xanchor="left" if room_bytes < most / 2 else "right",
    )  # fmt: skip
    return _chart(
        [*traces, _caches(planned, weight_bytes, dark)],
        planned, _across("memory of all users (formula)", most * 1.42, dark) | byte_ticks(most), dark,
        shapes=[upright(room_bytes, full, below=True)], annotations=[*_totals(planned, weight_bytes, dark), named],
    )  # fmt: skip


def users_that_fit(planned: Sequence[Planned], device: str, *, dark: bool = False) -> go.Figure:
    """Plotly figure: how many users' caches one device (`device` in words) holds beside the weights."""
    trace = bars(
        x=[one.users_per_device for one in planned],
        y=_names(planned),
        orientation="h",
        marker=_marker(planned, dark),
        text=[f" <b>{one.users_per_device:,}</b>" for one in planned],
        textposition="outside",
        textangle=0,
        cliponaxis=False,
        hovertemplate=f"%{{y}}: <b>%{{x:,}}</b> users fit on {escape(device)} (formula)<extra></extra>",
    )
    most = max([one.users_per_device for one in planned] + [1])
    return _chart([trace], planned, _across("users at once (formula)", most * 1.18, dark), dark)


def _weights(planned: Sequence[Planned], weight_bytes: int) -> Part:
    return bars(
        x=[weight_bytes] * len(planned),
        y=_names(planned),
        orientation="h",
        name="weights",
        marker={"color": _WEIGHTS},
        hovertemplate=f"weights: {weight_bytes:,} bytes (formula)<extra></extra>",
    )


def _caches(planned: Sequence[Planned], weight_bytes: int, dark: bool) -> Part:
    return bars(
        x=[one.cache_bytes for one in planned],
        y=_names(planned),
        orientation="h",
        name="caches",
        marker=_marker(planned, dark),
        customdata=[weight_bytes + one.cache_bytes for one in planned],
        hovertemplate="%{y}: caches of all users <b>%{x:,}</b> bytes, with weights %{customdata:,} bytes (formula)"
        "<extra></extra>",
    )


def _totals(planned: Sequence[Planned], weight_bytes: int, dark: bool) -> list[Part]:
    """Behind each bar, on a ground of its own: the line of a full device may pass below."""
    totals = [weight_bytes + one.cache_bytes for one in planned]
    return [
        note(
            f"<b>{told_bytes(total)}</b> · {one.devices:,} device{'s' * (one.devices != 1)}", theme.text(dark), _FONT,
            x=total, y=name, xanchor="left", xshift=4, bgcolor=theme.background(dark),
        )
        for one, name, total in zip(planned, _names(planned), totals, strict=True)
    ]  # fmt: skip


def _marker(planned: Sequence[Planned], dark: bool) -> Part:
    return {"color": [KIND_STYLES[one.kind].colour(dark) for one in planned]}


def _names(planned: Sequence[Planned]) -> list[str]:
    return [f"<b>{escape(one.label)}</b>" if one.own else escape(one.label) for one in planned]


def _across(text: str, most: float, dark: bool) -> Part:
    return axis(text, dark, zero=theme.GRID, standoff=12, range=[0, most], nticks=6, fixedrange=True)


def _chart(
    traces: Sequence[Part], planned: Sequence[Planned], xaxis: Part, dark: bool, **own: Any
) -> go.Figure:
    """A row a kind, from the top."""
    down = {
        "autorange": "reversed",
        "automargin": True,
        "ticks": "",
        "ticklabelstandoff": 6,
        "fixedrange": True,
    }
    return chart(
        traces, xaxis, down, dark=dark, height=104 + _BAR_HEIGHT * len(planned), font_size=_FONT, dragmode=False,
        margin={"l": 8, "r": 12, "t": 26, "b": 8}, barmode="stack", bargap=0.32, **own,
    )  # fmt: skip
