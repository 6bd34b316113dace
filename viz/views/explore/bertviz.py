"""BertViz's head view and model view, and a query-key view in the manner of its neuron view."""

from __future__ import annotations

import numpy as np
import streamlit as st
import torch
from numpy.typing import NDArray

import models
from viz.components.html_frame import frame
from viz.figures.bertviz_view import (
    BERTVIZ_LIMIT_BYTES,
    BERTVIZ_LIMIT_LINES,
    Panel,
    View,
    drawn_lines,
    estimated_bytes,
    head_view_html,
    model_view_html,
    pair_sizes,
    sentence_pair_panels,
    within_limits,
)
from viz.figures.query_key_view import query_key_html
from viz.markdown import escaped
from viz.views.selected_head import Selection

VIEWS = ("head view", "model view", "query and key")
FRAME_HEIGHT = 720
LONGEST_QUERY_KEY = 256  # tokens; beyond it the browser draws too many rows to be of use


def bertviz(chosen: Selection) -> None:
    """One of the three views, inside the page; needs no network."""
    view = st.segmented_control(
        "View", VIEWS, default=VIEWS[0], required=True, key="bertviz-view", label_visibility="collapsed",
        help="head view: lines between tokens, all heads of a layer; model view: all heads as thumbnails; query and key: "
        "the numbers behind one weight.",
    )  # fmt: skip
    if view == "query and key":
        query_key(chosen)
    elif view == "model view":
        _model_view(chosen)
    else:
        _head_view(chosen)


def _head_view(chosen: Selection) -> None:
    run, stack = chosen.run, chosen.stack
    heads = list(range(run.heads(chosen.layer, stack)))
    if not _light_enough("head", chosen, 1, len(heads)):
        return
    panels = _panels(chosen, run.pattern(chosen.layer, None, stack)[None].numpy())
    html = head_view_html(
        panels, [chosen.layer], heads, layer=chosen.layer, shown_heads=[chosen.head], dark=chosen.dark
    )
    frame(html, height=FRAME_HEIGHT, key="bertviz-head", title=f"BertViz head view of layer {chosen.layer}")


def _model_view(chosen: Selection) -> None:
    run, stack = chosen.run, chosen.stack
    layers = range(run.layers(stack))
    heads = min(run.heads(layer, stack) for layer in layers)
    first, last = st.slider(
        "Layers", 0, len(layers) - 1, _window(chosen.layer, len(layers)), key=f"bertviz-layers-{len(layers)}",
        help="BertViz draws every weight as a line, so a few layers at a time.",
    ) if len(layers) > 1 else (0, 0)  # fmt: skip
    shown = list(range(first, last + 1))
    if not _light_enough("model", chosen, len(shown), heads):
        return
    attention = torch.stack([run.pattern(layer, None, stack)[:heads] for layer in shown]).numpy()
    html = model_view_html(_panels(chosen, attention), shown, list(range(heads)), dark=chosen.dark)
    frame(html, height=FRAME_HEIGHT, key="bertviz-model", title="BertViz model view")


def query_key(chosen: Selection) -> None:
    """For one query token: its query, every key, their products, and the weight they make."""
    if max(len(chosen.query_tokens), len(chosen.key_tokens)) > LONGEST_QUERY_KEY:
        st.info(
            f"This view lists every dimension of every token, up to {LONGEST_QUERY_KEY} tokens; shorten the text."
        )
        return
    run, where = chosen.run, (chosen.layer, chosen.head, chosen.stack)
    try:
        html = query_key_html(
            run.query(*where).numpy(),
            run.key(*where).numpy(),
            run.pattern(*where).numpy(),
            chosen.query_tokens,
            chosen.key_tokens,
            title=chosen.title,
            scaling=run.scaling(chosen.layer, chosen.stack),
            scores=run.attention_scores(*where).numpy()
            if run.adds_to_product(chosen.layer, chosen.stack)
            else None,
            dark=chosen.dark,
        )
    except models.BadSelection as error:
        st.info(escaped(error))
        return
    frame(html, height=FRAME_HEIGHT, key="query-key", title=f"Query and key of {chosen.name}")


def _panels(chosen: Selection, attention: NDArray[np.float32]) -> tuple[Panel, ...]:
    """The stack as BertViz takes it; a sentence pair also cut into who looks at whom."""
    panel = Panel("self", attention, chosen.query_tokens, chosen.key_tokens)
    start = chosen.run.second_start
    return (panel,) if start is None else sentence_pair_panels(panel, start)


def _window(layer: int, layers: int) -> tuple[int, int]:
    return max(0, min(layer - 1, layers - 3)), min(layers - 1, max(layer + 1, 2))


def _light_enough(view: View, chosen: Selection, layers: int, heads: int) -> bool:
    queries, keys, start = len(chosen.query_tokens), len(chosen.key_tokens), chosen.run.second_start
    sizes = [(queries, keys)] if start is None else [*pair_sizes(queries, start)]
    shapes = [(layers, heads, *size) for size in sizes]
    if within_limits(view, shapes):
        return True
    st.info(
        f"BertViz's {view} view of this would weigh about {estimated_bytes(view, shapes) / 1e6:,.0f} MB and draw "
        f"{drawn_lines(view, shapes):,} lines at once, more than the {BERTVIZ_LIMIT_BYTES / 1e6:.0f} MB and "
        f"{BERTVIZ_LIMIT_LINES:,} lines that a browser bears. Shorten the text or choose fewer layers; the wall and the "
        "heatmap above show the same heads at any length."
    )
    return False
