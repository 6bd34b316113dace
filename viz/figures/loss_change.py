"""What a cut does to the loss: token by token, layer by layer, and where few directions are left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from viz import theme
from viz.figures.layout.axes import axis, log_axis, token_axis, token_names
from viz.figures.layout.chart import UNPALED, Part, bars, chart, hover_on_ground, legend_above, scatter
from viz.figures.layout.lines import upright


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
    names, change = token_names(tokens), other - one
    rises = bars(
        x=names,
        y=change.astype(np.float32),
        marker={
            "color": [theme.less(dark) if rise < 0 else theme.more(dark) for rise in change],
            "line": {"width": 0},
        },
        customdata=np.stack([one, other], axis=-1).astype(np.float32),
        hovertemplate="%{x}<br>change  <b>%{y:+.5~g}</b> nats<br>before  %{customdata[0]:.5~g}"
        "<br>after  %{customdata[1]:.5~g}<extra></extra>",
        **UNPALED,
    )
    accent = {"color": theme.accent(dark), "width": 2}
    shapes = [] if selected is None else [upright(selected, accent, below=True)]
    across = token_axis(names, tokens)
    return _chart([rises], across, "change of loss, nats", dark, height, bargap=0.15, shapes=shapes)


def layer_worth(
    layers: Sequence[int],
    whole: Sequence[float],
    rotary: Sequence[float],
    *,
    dark: bool = False,
    height: int = 300,
) -> go.Figure:
    """Plotly figure, two bars a layer: how far the mean loss rises without its latent, and without its rotary key."""
    more, paler = theme.more(dark), theme.diverging(dark)[5]
    drawn = [("whole latent off", whole, more, ""), ("rotary key off", rotary, paler, "/")]
    traces = [
        bars(
            x=[f"L{layer}" for layer in layers],
            y=list(rises),
            name=name,
            marker={"color": colour, "pattern": {"shape": shape, "fgcolor": more, "solidity": 0.25}},
            hovertemplate=f"%{{x}}, {name}<br>change  <b>%{{y:+.5~g}}</b> nats per token<extra></extra>",
            **UNPALED,
        )
        for name, rises, colour, shape in drawn
        if not np.isnan(np.asarray(rises, np.float64)).all()
    ]
    across = {"showgrid": False, "automargin": True}
    look = {"barmode": "group", "bargap": 0.3, "legend": legend_above()}
    return _chart(traces, across, "change of mean loss, nats", dark, height, **look)


def few_directions(
    kept: Sequence[int], rises: Sequence[float], *, dark: bool = False, height: int = 300
) -> go.Figure:
    """Plotly figure, a line: how far the mean loss rises where only the `kept` strongest directions are left."""
    line = scatter(
        x=list(kept),
        y=list(rises),
        mode="lines+markers",
        line={"color": theme.more(dark), "width": 1.75},
        marker={"color": theme.more(dark), "size": 8},
        hovertemplate="%{x} left<br>change  <b>%{y:+.5~g}</b> nats per token<extra></extra>",
        **UNPALED,
    )
    across = log_axis(
        "strongest directions left in every layer",
        dark,
        kept,
        [str(count) for count in kept],
        None,
        showgrid=False,
    )
    return _chart([line], across, "change of mean loss, nats", dark, height)


def _chart(
    traces: Sequence[Part], xaxis: Part, upwards: str, dark: bool, height: int, **own: Any
) -> go.Figure:
    """upwards: the title of the vertical axis, whose zero stands out."""
    yaxis = axis(upwards, dark, zero=theme.muted(dark))
    look = {"hoverlabel": hover_on_ground(dark), "dragmode": "zoom"}
    return chart(traces, xaxis, yaxis, dark=dark, height=height, **look, **own)
