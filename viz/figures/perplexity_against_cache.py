"""Perplexity against the size of the cache: what each size of latents costs a converted model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go

from viz import theme
from viz.figures.layout.axes import log_axis
from viz.figures.layout.chart import MARGIN, Part, chart, scatter
from viz.figures.layout.ticks import log_range, round_numbers

_LEAST = 0.08  # powers of ten that a range counts as at the least


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
    ordered = sorted(curve, key=lambda size: size.cache_bytes)
    traces = [_line(ordered, dark)] if ordered else []
    if original is not None:
        traces.append(_named(original, "original", "square", theme.text(dark), "top left"))
    if chosen is not None:
        traces.append(_named(chosen, "chosen", "diamond", theme.accent(dark), "top right"))
    sizes = [size for size in (*ordered, original, chosen) if size is not None]
    across, upwards = _axes(sizes, dark)
    return chart(traces, across, upwards, dark=dark, height=height, margin=MARGIN | {"t": 12})


def _line(ordered: Sequence[Size], dark: bool) -> Part:
    colour = theme.primary(dark)
    return scatter(
        x=[size.cache_bytes for size in ordered],
        y=[size.perplexity for size in ordered],
        customdata=[escape(size.told) for size in ordered],
        mode="lines+markers",
        name="converted",
        line={"color": colour, "width": 2},
        marker={"color": colour, "size": 8},
        hovertemplate=_HOVER,
    )


def _named(size: Size, name: str, symbol: str, colour: str, place: str) -> Part:
    return scatter(
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


def _axes(sizes: Sequence[Size], dark: bool) -> tuple[Part, Part]:
    places = sorted({size.cache_bytes for size in sizes})
    values = [size.perplexity for size in sizes]
    ticks = round_numbers(min(values), max(values)) if values else []
    across = log_axis(
        "cache, bytes per token (formula)", dark, places, [f"{place:,}" for place in places],
        log_range(places, 0.12, _LEAST), tickangle=-35,
    )  # fmt: skip
    upwards = log_axis(
        "perplexity (measured)", dark, ticks, [f"{tick:,.4g}" for tick in ticks],
        log_range(values, 0.2, _LEAST), standoff=12,
    )  # fmt: skip
    return across, upwards
