"""Bytes of the key/value cache against context: what was counted, on the lines that the formulas draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go

from viz import theme
from viz.figures.costs.axes import MARGIN, across, upwards
from viz.figures.kinds import KindStyle
from viz.figures.layout.chart import Part, chart, scatter

MISMATCH = 0.01  # of the formula, from which a measured cache is flagged


@dataclass(frozen=True, slots=True)
class Counted:
    """A cache as it was: bytes of one text of so many tokens, what it should be, and why not if that is known."""

    context: int
    cache_bytes: float
    formula_bytes: float | None
    reason: str = ""

    @property
    def off(self) -> float:
        """By how much it differs, as a share of the formula; 0 where there is none."""
        return self.cache_bytes / self.formula_bytes - 1 if self.formula_bytes else 0.0

    @property
    def is_off(self) -> bool:
        return abs(self.off) > MISMATCH


@dataclass(frozen=True, slots=True)
class CacheSeries:
    """One contender. line: (tokens, bytes) by formula."""

    label: str
    style: KindStyle
    line: Sequence[tuple[int, int]]
    counted: Sequence[Counted]


def cache_against_context(
    series: Sequence[CacheSeries], *, dark: bool = False, height: int = 300
) -> go.Figure:
    """Plotly figure: a line a contender by formula, a sign for each measured cache, a red ring where they disagree."""
    traces = [trace for one in series for trace in (_line(one, dark), _points(one, dark))]
    wrong = [(one, point) for one in series for point in one.counted if point.is_off]
    if wrong:
        traces.append(_rings(wrong, dark))
    points = [point for one in series for point in one.counted]
    x = [tokens for one in series for tokens, _ in one.line] + [point.context for point in points]
    y = [held for one in series for _, held in one.line] + [point.cache_bytes for point in points]
    return chart(
        traces,
        across("context, tokens", x, dark),
        upwards("cache of one text", y, dark, in_bytes=True),
        dark=dark,
        height=height,
        margin=MARGIN,
    )


def _line(one: CacheSeries, dark: bool) -> Part:
    return scatter(
        x=[tokens for tokens, _ in one.line],
        y=[held for _, held in one.line],
        mode="lines",
        name=f"{escape(one.label)}, formula",
        line={"color": one.style.colour(dark), "dash": one.style.dash, "width": 2},
        hovertemplate=f"<b>{escape(one.label)}</b><br>%{{x:,}} tokens: %{{y:,}} bytes (formula)<extra></extra>",
    )


def _points(one: CacheSeries, dark: bool) -> Part:
    return scatter(
        x=[point.context for point in one.counted],
        y=[point.cache_bytes for point in one.counted],
        mode="markers",
        name=f"{escape(one.label)}, measured",
        marker={
            "color": one.style.colour(dark),
            "symbol": one.style.symbol,
            "size": 10,
            "line": {"width": 1.5, "color": one.style.colour(dark)},
        },
        customdata=[_told(point) for point in one.counted],
        cliponaxis=False,
        hovertemplate=f"<b>{escape(one.label)}</b><br>%{{x:,}} tokens: %{{y:,}} bytes (measured)<br>%{{customdata}}"
        "<extra></extra>",
    )


def _told(point: Counted) -> str:
    if point.formula_bytes is None:
        return "no formula for this model"
    if point.cache_bytes == point.formula_bytes:
        return "exactly the formula"
    told = f"formula {point.formula_bytes:,.0f}, {point.off:+.3g} of it"
    return f"{told}<br>{escape(point.reason)}" if point.reason else told


def _rings(wrong: Sequence[tuple[CacheSeries, Counted]], dark: bool) -> Part:
    return scatter(
        x=[point.context for _, point in wrong],
        y=[point.cache_bytes for _, point in wrong],
        mode="markers+text",
        name="off the formula",
        text=[f"{point.off:+.0%}" for _, point in wrong],
        textposition="top center",
        textfont={"color": theme.alarm(dark), "size": 12},
        marker={"symbol": "circle-open", "size": 20, "color": theme.alarm(dark), "line": {"width": 2.5}},
        hoverinfo="skip",
        cliponaxis=False,
    )
