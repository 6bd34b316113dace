"""The loss of every token under several models, as lines over the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from models.shape.attention_geometry import Kind
from viz import theme
from viz.figures.kinds import KIND_STYLES
from viz.figures.long_tokens import hover_name, tick

MAX_TICKS = 60
LABEL_WIDTH = 14
WITH_MARKERS = 160  # tokens; beyond it the markers would run into one another


def token_losses(
    losses: Mapping[Kind, Any],
    tokens: Sequence[str],
    *,
    selected: int | None = None,
    dark: bool = False,
    height: int = 330,
) -> go.Figure:
    """Plotly figure of losses [pos] by kind of attention, nats per token; a gap where a loss is NaN.

    Hovering tells all of a token's losses exactly. selected: the token that a line marks.
    """
    names = [f"{pos} {hover_name(str(token))}" for pos, token in enumerate(tokens)]
    figure = go.Figure()
    for kind, values in losses.items():
        values = np.asarray(values, dtype=np.float32)
        if values.shape != (len(tokens),):
            raise ValueError(
                f"expected {len(tokens)} losses of {kind}, one a token, got shape {values.shape}"
            )
        figure.add_trace(_line(kind, values, names, dark))
    if selected is not None:
        figure.add_vline(selected, line={"color": theme.accent(dark), "width": 2}, layer="below")
    _lay_out(figure, names, tokens, dark, height)
    return figure


def _line(kind: Kind, values: Any, names: list[str], dark: bool) -> go.Scatter:
    style = KIND_STYLES[kind]
    return go.Scatter(
        x=names,
        y=values,
        name=kind.upper(),
        mode="lines+markers" if len(names) <= WITH_MARKERS else "lines",
        line={"color": style.colour(dark), "dash": style.dash, "width": 1.75},
        marker={"color": style.colour(dark), "symbol": style.symbol, "size": 6},
        unselected={"marker": {"opacity": 1.0}},
        connectgaps=False,
        hovertemplate="%{y:.5~g} nats",
    )


def _lay_out(figure: go.Figure, names: list[str], tokens: Sequence[str], dark: bool, height: int) -> None:
    step = -(-len(names) // MAX_TICKS)
    muted = theme.MUTED_DARK if dark else theme.MUTED
    grid = "rgba(128, 134, 152, 0.22)"
    figure.update_xaxes(
        type="category",
        categoryorder="array",
        categoryarray=names,
        range=[-0.5, len(names) - 0.5],
        tickmode="array",
        tickvals=names[::step],
        ticktext=[tick(str(token), LABEL_WIDTH) for token in tokens[::step]],
        tickangle=-60,
        showgrid=False,
        automargin=True,
    )
    figure.update_yaxes(
        title={"text": "loss, nats per token", "font": {"size": 12, "color": muted}},
        rangemode="tozero",
        gridcolor=grid,
        zerolinecolor=grid,
        automargin=True,
    )
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor=theme.background(dark),
        font={"size": 11, "color": theme.TEXT_DARK if dark else theme.TEXT},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 12}},
        hovermode="x unified",
        hoverlabel={"align": "left", "bgcolor": theme.background(dark)},
        dragmode="zoom",
    )
