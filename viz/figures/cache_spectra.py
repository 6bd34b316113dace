"""How much of their caches a text uses: effective ranks per layer, and singular values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from models.look.latent_reading import Spectrum
from viz import theme
from viz.figures.kinds import KindStyle

LEAST = 1e-4  # part of the largest singular value below which no line is drawn
_GRID = "rgba(128, 134, 152, 0.22)"


def effective_ranks(
    spectra: Sequence[Spectrum], *, selected: int, dark: bool = False, height: int = 300
) -> go.Figure:
    """Plotly figure of a bar a layer, its effective rank, under lines for how large it could be at most.

    The solid line is the width of what is cached, the dotted one the number of positions, where these are fewer.
    selected: the chosen layer.
    """
    ink = theme.PRIMARY_DARK if dark else theme.PRIMARY
    layers = list(range(len(spectra)))
    figure = go.Figure(
        go.Bar(
            x=layers,
            y=[found.effective_rank for found in spectra],
            name="effective rank",
            marker={"color": [theme.accent(dark) if layer == selected else ink for layer in layers]},
            customdata=[(found.elements, found.positions) for found in spectra],
            selected={"marker": {"opacity": 1.0}},
            unselected={"marker": {"opacity": 1.0}},
            hovertemplate="L%{x}<br>effective rank <b>%{y:.5~g}</b><br>of %{customdata[0]} dimensions, on %{customdata[1]} "
            "positions<extra></extra>",
        )
    )
    text = theme.TEXT_DARK if dark else theme.TEXT
    widths, positions = [found.elements for found in spectra], [found.positions for found in spectra]
    figure.add_trace(_bound("width of the cache", "solid", widths, text))
    if any(few < width for few, width in zip(positions, widths, strict=True)):
        figure.add_trace(_bound("positions", "dot", positions, text))
    _lay_out(figure, dark, height)
    figure.update_xaxes(**_layer_axis(layers), title=_title("layer", dark))
    figure.update_yaxes(title=_title("directions", dark))
    return figure


def _bound(name: str, dash: str, bounds: Sequence[int], colour: str) -> go.Scatter:
    """A step a layer, half a layer beyond either end."""
    x = [place for layer in range(len(bounds)) for place in (layer - 0.5, layer + 0.5)]
    return go.Scatter(
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
    muted = theme.MUTED_DARK if dark else theme.MUTED
    figure = go.Figure()
    for layer in [*(other for other in range(len(spectra)) if other != selected), selected]:
        values = spectra[layer].singular_values.numpy()
        top = float(values.max(initial=0.0))
        if top == 0:
            continue
        shares = values / top
        figure.add_trace(
            go.Scatter(
                x=list(range(1, len(values) + 1)),
                y=np.where(shares >= LEAST, shares, np.nan),
                name=f"L{layer}",
                mode="lines",
                customdata=values,
                line={
                    "color": theme.accent(dark) if layer == selected else muted,
                    "width": 2.5 if layer == selected else 1,
                },
                opacity=1.0 if layer == selected else 0.55,
                hovertemplate=f"L{layer}, %{{x}}: <b>%{{customdata:.5~g}}</b> (%{{y:.3~g}} of the largest)<extra></extra>",
            )
        )
    _lay_out(figure, dark, height)
    figure.update_layout(showlegend=False)
    figure.update_xaxes(title=_title("singular value, largest first", dark), gridcolor=_GRID)
    figure.update_yaxes(
        type="log", title=_title("part of the layer's largest", dark), tickformat="~g", dtick=1
    )
    return figure


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
    figure = go.Figure()
    for name, found in spectra.items():
        style, last = styles[name], max(len(found) - 1, 1)
        places = [layer / last for layer in range(len(found))]
        figure.add_trace(
            go.Scatter(
                x=places,
                y=[one.effective_rank / one.elements for one in found],
                name=name,
                mode="lines+markers",
                line={"color": style.colour(dark), "dash": style.dash, "width": 1.75},
                marker={"color": style.colour(dark), "symbol": style.symbol, "size": 8},
                customdata=[
                    (layer, one.effective_rank, one.elements, one.positions)
                    for layer, one in enumerate(found)
                ],
                hovertemplate="L%{customdata[0]}: <b>%{y:.3~%}</b><br>effective rank %{customdata[1]:.5~g} of "
                "%{customdata[2]} numbers, on %{customdata[3]} positions",
            )
        )
        figure.add_trace(
            go.Scatter(
                x=places,
                y=[min(one.positions / one.elements, 1.0) for one in found],
                name=f"{name}: most that this text can show",
                mode="lines",
                line={"color": style.colour(dark), "dash": "dot", "width": 1},
                showlegend=False,
                hoverinfo="skip",
            )
        )
    _lay_out(figure, dark, height)
    figure.update_xaxes(title=_title("depth, first layer to last", dark), tickformat=".0%", gridcolor=_GRID)
    figure.update_yaxes(title=_title("effective rank, share of numbers", dark), tickformat=".0%")
    return figure


def _layer_axis(layers: Sequence[int]) -> dict[str, Any]:
    shown = list(layers)[:: -(-len(layers) // 16)]
    return {
        "tickvals": shown,
        "ticktext": [f"L{layer}" for layer in shown],
        "range": [-0.6, len(layers) - 0.4],
    }


def _title(text: str, dark: bool) -> dict[str, Any]:
    return {"text": text, "font": {"size": 12, "color": theme.MUTED_DARK if dark else theme.MUTED}}


def _lay_out(figure: go.Figure, dark: bool, height: int) -> None:
    figure.update_xaxes(showgrid=False, zeroline=False, automargin=True)
    figure.update_yaxes(rangemode="tozero", gridcolor=_GRID, zerolinecolor=_GRID, automargin=True)
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"size": 11, "color": theme.TEXT_DARK if dark else theme.TEXT},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 11}},
        hoverlabel={"align": "left"},
        dragmode=False,
        clickmode="event+select",
    )
