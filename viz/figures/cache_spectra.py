"""How much of their caches a text uses: effective ranks per layer, and singular values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from models.look.latent_reading import Spectrum
from viz import theme
from viz.figures.kinds import KindStyle
from viz.figures.layout.axes import axis, numbered
from viz.figures.layout.chart import CLICK_CHOOSES, UNPALED, Part, bars, chart, legend_above, scatter

MAX_TICKS = 16
LEAST = 1e-4  # part of the largest singular value below which no line is drawn


def effective_ranks(
    spectra: Sequence[Spectrum], *, selected: int, dark: bool = False, height: int = 300
) -> go.Figure:
    """Plotly figure of a bar a layer, its effective rank, under lines for how large it could be at most.

    The solid line is the width of what is cached, the dotted one the number of positions, where these are fewer.
    selected: the chosen layer.
    """
    layers = list(range(len(spectra)))
    ink, text = theme.primary(dark), theme.text(dark)
    ranks = bars(
        x=layers,
        y=[found.effective_rank for found in spectra],
        name="effective rank",
        marker={"color": [theme.accent(dark) if layer == selected else ink for layer in layers]},
        customdata=[(found.elements, found.positions) for found in spectra],
        hovertemplate="L%{x}<br>effective rank <b>%{y:.5~g}</b><br>of %{customdata[0]} dimensions, on %{customdata[1]} "
        "positions<extra></extra>",
        **UNPALED,
    )
    widths, positions = [found.elements for found in spectra], [found.positions for found in spectra]
    traces = [ranks, _bound("width of the cache", "solid", widths, text)]
    if any(few < width for few, width in zip(positions, widths, strict=True)):
        traces.append(_bound("positions", "dot", positions, text))
    across = axis(
        "layer",
        dark,
        showgrid=False,
        range=[-0.6, len(layers) - 0.4],
        **numbered("L", len(layers), MAX_TICKS),
    )
    return _chart(traces, across, _upwards("directions", dark), dark, height, legend=legend_above(11))


def _bound(name: str, dash: str, bounds: Sequence[int], colour: str) -> Part:
    """A step a layer, half a layer beyond either end."""
    x = [place for layer in range(len(bounds)) for place in (layer - 0.5, layer + 0.5)]
    return scatter(
        x=x,
        y=[bound for bound in bounds for _ in range(2)],
        name=name,
        mode="lines",
        line={"dash": dash, "color": colour, "width": 1.5},
        hoverinfo="skip",
    )


def singular_values(
    spectra: Sequence[Spectrum], *, selected: int, dark: bool = False, height: int = 300
) -> go.Figure:
    """Plotly figure of the singular values of every layer as parts of the layer's largest; the chosen layer stands out."""
    others = [layer for layer in range(len(spectra)) if layer != selected]
    return _chart(
        [
            line
            for layer in (*others, selected)
            for line in _values(layer, spectra[layer], layer == selected, dark)
        ],
        axis("singular value, largest first", dark, showgrid=False),
        _upwards("part of the layer's largest", dark) | {"type": "log", "tickformat": "~g", "dtick": 1},
        dark,
        height,
    )


def _values(layer: int, found: Spectrum, chosen: bool, dark: bool) -> list[Part]:
    """A line, or none where all singular values are zero."""
    values = found.singular_values.numpy()
    top = float(values.max(initial=0.0))
    if top == 0:
        return []
    shares = values / top
    colour, width = (theme.accent(dark), 2.5) if chosen else (theme.muted(dark), 1)
    line = scatter(
        x0=1,
        dx=1,
        y=np.where(shares >= LEAST, shares, np.nan),
        name=f"L{layer}",
        mode="lines",
        customdata=values,
        line={"color": colour, "width": width},
        opacity=1.0 if chosen else 0.55,
        hovertemplate=f"L{layer}, %{{x}}: <b>%{{customdata:.5~g}}</b> (%{{y:.3~g}} of the largest)<extra></extra>",
    )
    return [line]


def rank_shares(
    spectra: Mapping[str, Sequence[Spectrum]],
    styles: Mapping[str, KindStyle],
    *,
    dark: bool = False,
    height: int = 300,
) -> go.Figure:
    """Plotly figure of models' effective ranks by layer, as shares of the numbers that each caches of a token in a layer.

    A dotted line of the same colour is what the text's positions could fill at most. Layers are drawn from 0 (first) to
    1 (last), since models differ in how many they have.
    """
    traces = []
    for name, found in spectra.items():
        last = max(len(found) - 1, 1)
        places = [layer / last for layer in range(len(found))]
        traces += [
            _shares(name, found, places, styles[name], dark),
            _most(name, found, places, styles[name], dark),
        ]
    return _chart(
        traces,
        axis("depth, first layer to last", dark, showgrid=False, tickformat=".0%"),
        _upwards("effective rank, share of numbers", dark) | {"tickformat": ".0%"},
        dark,
        height,
        legend=legend_above(11),
    )


def _shares(
    name: str, found: Sequence[Spectrum], places: Sequence[float], style: KindStyle, dark: bool
) -> Part:
    colour = style.colour(dark)
    return scatter(
        x=places,
        y=[one.effective_rank / one.elements for one in found],
        name=name,
        mode="lines+markers",
        line={"color": colour, "dash": style.dash, "width": 1.75},
        marker={"color": colour, "symbol": style.symbol, "size": 8},
        customdata=[
            (layer, one.effective_rank, one.elements, one.positions) for layer, one in enumerate(found)
        ],
        hovertemplate="L%{customdata[0]}: <b>%{y:.3~%}</b><br>effective rank %{customdata[1]:.5~g} of "
        "%{customdata[2]} numbers, on %{customdata[3]} positions",
    )


def _most(
    name: str, found: Sequence[Spectrum], places: Sequence[float], style: KindStyle, dark: bool
) -> Part:
    return scatter(
        x=places,
        y=[min(one.positions / one.elements, 1.0) for one in found],
        name=f"{name}: most that this text can show",
        mode="lines",
        line={"color": style.colour(dark), "dash": "dot", "width": 1},
        showlegend=False,
        hoverinfo="skip",
    )


def _upwards(text: str, dark: bool) -> Part:
    return axis(text, dark, zero=theme.GRID, rangemode="tozero")


def _chart(
    traces: Sequence[Part], xaxis: Part, yaxis: Part, dark: bool, height: int, **own: Any
) -> go.Figure:
    return chart(traces, xaxis, yaxis, dark=dark, height=height, **CLICK_CHOOSES, **own)
