"""The loss of every token under several models, as lines over the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from models.shape.attention_geometry import Kind
from viz import theme
from viz.figures.kinds import KIND_STYLES
from viz.figures.layout.axes import axis, token_axis, token_names
from viz.figures.layout.chart import Part, chart, hover_on_ground, legend_above, scatter
from viz.figures.layout.lines import upright

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
    names = token_names(tokens)
    accent = {"color": theme.accent(dark), "width": 2}
    return chart(
        [_line(kind, _checked(kind, values, len(tokens)), names, dark) for kind, values in losses.items()],
        token_axis(names, tokens),
        axis("loss, nats per token", dark, zero=theme.GRID, rangemode="tozero"),
        dark=dark,
        height=height,
        shapes=[] if selected is None else [upright(selected, accent, below=True)],
        legend=legend_above(),
        hovermode="x unified",
        hoverlabel=hover_on_ground(dark),
        dragmode="zoom",
    )


def _checked(kind: Kind, values: Any, tokens: int) -> NDArray[np.float32]:
    losses = np.asarray(values, dtype=np.float32)
    if losses.shape != (tokens,):
        raise ValueError(f"expected {tokens} losses of {kind}, one a token, got shape {losses.shape}")
    return losses


def _line(kind: Kind, values: NDArray[np.float32], names: list[str], dark: bool) -> Part:
    style = KIND_STYLES[kind]
    return scatter(
        x=names,
        y=values,
        name=kind.upper(),
        mode="lines+markers" if len(values) <= WITH_MARKERS else "lines",
        line={"color": style.colour(dark), "dash": style.dash, "width": 1.75},
        marker={"color": style.colour(dark), "symbol": style.symbol, "size": 6},
        unselected={"marker": {"opacity": 1.0}},
        connectgaps=False,
        hovertemplate="%{y:.5~g} nats",
    )
