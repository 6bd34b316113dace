"""What a cut does to the loss: token by token, layer by layer, and where few directions are left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from viz import theme
from viz.figures.long_tokens import hover_name, tick

MAX_TICKS = 60
LABEL_WIDTH = 14
GRID = "rgba(128, 134, 152, 0.22)"


def loss_change(
    before: Any,
    after: Any,
    tokens: Sequence[str],
    *,
    selected: int | None = None,
    dark: bool = False,
    height: int = 300,
) -> go.Figure:
    """Plotly figure, a bar a token: how far its loss [pos] rises from `before` to `after`, nats; none where it is NaN.

    Hovering tells all three numbers exactly. selected: the token that a line marks.
    """
    one, other = np.asarray(before, np.float64), np.asarray(after, np.float64)
    for losses in (one, other):
        if losses.shape != (len(tokens),):
            raise ValueError(f"expected {len(tokens)} losses, one a token, got shape {losses.shape}")
    names = [f"{pos} {hover_name(token)}" for pos, token in enumerate(tokens)]
    change = other - one
    figure = go.Figure(
        go.Bar(
            x=names,
            y=change,
            marker={"color": [_colour(rise, dark) for rise in change], "line": {"width": 0}},
            customdata=np.stack([one, other], axis=-1),
            hovertemplate="%{x}<br>change  <b>%{y:+.5~g}</b> nats<br>before  %{customdata[0]:.5~g}"
            "<br>after  %{customdata[1]:.5~g}<extra></extra>",
            unselected={"marker": {"opacity": 1.0}},
        )
    )
    if selected is not None:
        figure.add_vline(selected, line={"color": theme.accent(dark), "width": 2}, layer="below")
    step = -(-len(names) // MAX_TICKS)
    figure.update_xaxes(
        type="category",
        range=[-0.5, len(names) - 0.5],
        tickmode="array",
        tickvals=names[::step],
        ticktext=[tick(token, LABEL_WIDTH) for token in tokens[::step]],
        tickangle=-60,
    )
    _lay_out(figure, "change of loss, nats", dark, height)
    figure.update_layout(bargap=0.15)
    return figure


def layer_worth(
    layers: Sequence[int],
    whole: Sequence[float],
    rotary: Sequence[float],
    *,
    dark: bool = False,
    height: int = 300,
) -> go.Figure:
    """Plotly figure, two bars a layer: how far the mean loss rises without its latent, and without its rotary key."""
    figure = go.Figure()
    stops = theme.DIVERGING_DARK if dark else theme.DIVERGING
    bars = (("whole latent off", whole, stops[7], ""), ("rotary key off", rotary, stops[5], "/"))
    for name, rises, colour, shape in bars:
        if not np.isnan(np.asarray(rises, np.float64)).all():
            figure.add_trace(
                go.Bar(
                    x=[f"L{layer}" for layer in layers],
                    y=list(rises),
                    name=name,
                    marker={
                        "color": colour,
                        "pattern": {"shape": shape, "fgcolor": stops[7], "solidity": 0.25},
                    },
                    unselected={"marker": {"opacity": 1.0}},
                    hovertemplate=f"%{{x}}, {name}<br>change  <b>%{{y:+.5~g}}</b> nats per token<extra></extra>",
                )
            )
    _lay_out(figure, "change of mean loss, nats", dark, height)
    figure.update_layout(
        barmode="group",
        bargap=0.3,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 12}},
    )
    return figure


def few_directions(
    kept: Sequence[int], rises: Sequence[float], *, dark: bool = False, height: int = 300
) -> go.Figure:
    """Plotly figure, a line: how far the mean loss rises where only the `kept` strongest directions are left."""
    colour = (theme.DIVERGING_DARK if dark else theme.DIVERGING)[7]
    figure = go.Figure(
        go.Scatter(
            x=list(kept),
            y=list(rises),
            mode="lines+markers",
            line={"color": colour, "width": 1.75},
            marker={"color": colour, "size": 8},
            unselected={"marker": {"opacity": 1.0}},
            hovertemplate="%{x} left<br>change  <b>%{y:+.5~g}</b> nats per token<extra></extra>",
        )
    )
    _lay_out(figure, "change of mean loss, nats", dark, height)
    muted = theme.MUTED_DARK if dark else theme.MUTED
    figure.update_xaxes(
        type="log",
        tickvals=list(kept),
        ticktext=[str(count) for count in kept],
        title={"text": "strongest directions left in every layer", "font": {"size": 12, "color": muted}},
    )
    return figure


def _colour(rise: float, dark: bool) -> str:
    """As on the diverging scale: indigo for more, orange for less."""
    stops = theme.DIVERGING_DARK if dark else theme.DIVERGING
    return stops[1] if rise < 0 else stops[7]


def _lay_out(figure: go.Figure, title: str, dark: bool, height: int) -> None:
    muted = theme.MUTED_DARK if dark else theme.MUTED
    figure.update_xaxes(showgrid=False, automargin=True)
    figure.update_yaxes(
        title={"text": title, "font": {"size": 12, "color": muted}},
        gridcolor=GRID,
        zerolinecolor=muted,
        automargin=True,
    )
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor=theme.background(dark),
        font={"size": 11, "color": theme.TEXT_DARK if dark else theme.TEXT},
        hoverlabel={"align": "left", "bgcolor": theme.background(dark)},
        dragmode="zoom",
    )
