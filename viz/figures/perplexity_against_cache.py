"""Perplexity against the size of the cache: what each size of latents costs a converted model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from typing import Any

import plotly.graph_objects as go

from viz import theme


@dataclass(frozen=True, slots=True)
class Size:
    """One model: bytes its cache takes per token (formula), its perplexity (measured), and what it is in a few words."""

    cache_bytes: int
    perplexity: float
    told: str


def perplexity_against_cache(
    curve: Sequence[Size],
    original: Size | None,
    chosen: Size | None = None,
    *,
    dark: bool = False,
    height: int = 340,
) -> go.Figure:
    """Plotly figure: a line through conversions of several sizes, the model as it was a named point, and the chosen
    conversion marked. Both axes linear in ratios, for half the cache and twice the perplexity are what one compares.
    """
    figure = go.Figure()
    ordered = sorted(curve, key=lambda size: size.cache_bytes)
    if ordered:
        figure.add_trace(_line(ordered, dark))
    if original is not None:
        figure.add_trace(
            _named(original, "original", "square", theme.TEXT_DARK if dark else theme.TEXT, "top left")
        )
    if chosen is not None:
        figure.add_trace(_named(chosen, "chosen", "diamond", theme.accent(dark), "top right"))
    _lay_out(figure, [size for size in (*ordered, original, chosen) if size is not None], dark, height)
    return figure


def _line(ordered: Sequence[Size], dark: bool) -> go.Scatter:
    colour = theme.PRIMARY_DARK if dark else theme.PRIMARY
    return go.Scatter(
        x=[size.cache_bytes for size in ordered],
        y=[size.perplexity for size in ordered],
        customdata=[escape(size.told) for size in ordered],
        mode="lines+markers",
        name="converted",
        line={"color": colour, "width": 2},
        marker={"color": colour, "size": 8},
        hovertemplate=_HOVER,
    )


def _named(size: Size, name: str, symbol: str, colour: str, place: str) -> go.Scatter:
    return go.Scatter(
        x=[size.cache_bytes],
        y=[size.perplexity],
        customdata=[escape(size.told)],
        mode="markers+text",
        name=name,
        text=[f"{name} {size.perplexity:.3g}"],
        textposition=place,
        textfont={"size": 12, "color": colour},
        marker={"color": colour, "symbol": symbol, "size": 13},
        cliponaxis=False,
        hovertemplate=_HOVER,
    )


_HOVER = (
    "<b>%{customdata}</b><br>perplexity <b>%{y:.6~g}</b> (measured)<br>cache %{x:,} bytes per token (formula)"
    "<extra></extra>"
)


def _lay_out(figure: go.Figure, sizes: Sequence[Size], dark: bool, height: int) -> None:
    muted = theme.MUTED_DARK if dark else theme.MUTED
    grid = "rgba(128, 134, 152, 0.22)"
    title: dict[str, Any] = {"font": {"size": 12, "color": muted}}
    places = sorted({size.cache_bytes for size in sizes})
    values = [size.perplexity for size in sizes]
    ticks = round_numbers(min(values), max(values)) if values else []
    figure.update_xaxes(
        type="log",
        tickvals=places,
        ticktext=[f"{place:,}" for place in places],
        title={"text": "cache, bytes per token (formula)", **title},
        gridcolor=grid,
        automargin=True,
        tickangle=-35,
        range=_range([float(place) for place in places], 0.12),
    )
    figure.update_yaxes(
        type="log",
        tickvals=ticks,
        ticktext=[f"{tick:,.4g}" for tick in ticks],
        title={"text": "perplexity (measured)", "standoff": 12, **title},
        gridcolor=grid,
        zeroline=False,
        automargin=True,
        range=_range(values, 0.2),
    )
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 12, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor=theme.background(dark),
        font={"size": 11, "color": theme.TEXT_DARK if dark else theme.TEXT},
        hoverlabel={"align": "left"},
        showlegend=False,
    )


def round_numbers(low: float, high: float) -> list[float]:
    """Where a logarithmic axis from low to high, both above zero, has its ticks: 1, 2 and 5 of each power of ten, or where
    that would be fewer than three, even steps."""
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    ticks = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    if len([tick for tick in ticks if low <= tick <= high]) >= 3:
        return ticks
    step = next(size for size in _steps(low, high) if (high - low) / size <= 4)
    return [step * number for number in range(floor(low / step) - 3, ceil(high / step) + 4) if number > 0]


def _steps(low: float, high: float) -> list[float]:
    """Steps to choose from, the finest first."""
    least = floor(log10(max(high - low, 0.01 * high))) - 1
    return [digit * 10.0**power for power in range(least, least + 4) for digit in (1, 2, 5)]


def _range(values: Sequence[float], room: float) -> list[float] | None:
    """Of a logarithmic axis, in powers of ten, with some room at both ends for the names; None without values."""
    if not values:
        return None
    low, high = log10(min(values)), log10(max(values))
    spare = max(high - low, 0.08) * room
    return [low - spare, high + spare]
