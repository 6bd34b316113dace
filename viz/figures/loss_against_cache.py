"""Validation loss against the size of the key/value cache: what a smaller cache costs."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log2, log10

import plotly.graph_objects as go

from models.loading.card import Card
from models.shape.attention_geometry import KIND_NAMES
from viz.figures.kinds import KIND_STYLES
from viz.figures.layout.axes import axis
from viz.figures.layout.chart import MARGIN, Part, chart, scatter


def loss_against_cache(cards: Sequence[Card], *, dark: bool = False, height: int = 340) -> go.Figure:
    """Plotly figure of one card or more: a named point a kind of attention, cache bytes a token (bf16, formula, on a
    logarithmic axis) against validation loss (measured, nats per token).

    Of several cards of one kind, trained from different seeds, the first is the point and a bar spans all of them.
    """
    of_kind = {card.kind: [other for other in cards if other.kind == card.kind] for card in cards}
    return chart(
        [_point(seeds, dark) for seeds in of_kind.values()],
        _cache_axis(sorted({card.cache_bytes_per_token for card in cards}), dark),
        axis("validation loss, nats per token (measured)", dark),
        dark=dark,
        height=height,
        margin=MARGIN | {"t": 12},
    )


def _point(seeds: Sequence[Card], dark: bool) -> Part:
    card, style = seeds[0], KIND_STYLES[seeds[0].kind]
    losses = [seed.validation_loss for seed in seeds]
    spread = {
        "type": "data",
        "symmetric": False,
        "array": [max(losses) - card.validation_loss],
        "arrayminus": [card.validation_loss - min(losses)],
        "visible": len(seeds) > 1,
        "thickness": 1.5,
        "width": 6,
    }
    name = (
        f"  {card.kind.upper()}, {card.cache_bytes_per_token:,} B" + card.undertrained * "<br>  undertrained"
    )
    return scatter(
        x=[card.cache_bytes_per_token],
        y=[card.validation_loss],
        error_y=spread,
        mode="markers+text",
        name=card.kind.upper(),
        text=[name],
        textposition="middle right",
        textfont={"size": 13},
        marker={"color": style.colour(dark), "symbol": style.symbol, "size": 13},
        cliponaxis=False,
        hovertemplate=_told(card, losses) + "<extra></extra>",
    )


def _told(card: Card, losses: list[float]) -> str:
    lines = [
        f"<b>{escape(card.name)}</b>, {KIND_NAMES[card.kind]}",
        f"validation loss <b>{card.validation_loss:.4f}</b> nats per token, perplexity "
        f"{card.validation_perplexity:.4g} (measured, {escape(card.date[:10])})",
        f"cache {card.cache_bytes_per_token:,} bytes per token in bf16 (formula)",
    ]
    if len(losses) > 1:
        lines.append(f"{len(losses)} seeds: {min(losses):.4f} to {max(losses):.4f}")
    return "<br>".join(lines)


def _cache_axis(sizes: list[int], dark: bool) -> Part:
    """Ticks at the powers of two, and room on the right for the last name."""
    least, most = log2(sizes[0]), log2(sizes[-1])
    powers = [2**power for power in range(floor(least), ceil(most) + 1)]
    room = max(most - least, 1.0) * log10(2)  # a logarithmic axis takes its range in powers of ten
    return axis(
        "cache, bytes per token in bf16 (formula)",
        dark,
        type="log",
        tickvals=powers,
        ticktext=[f"{size:,}" for size in powers],
        range=[log10(sizes[0]) - 0.08 * room, log10(sizes[-1]) + 0.34 * room],
        tickangle=0,
    )
