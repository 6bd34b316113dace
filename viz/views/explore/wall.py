"""The wall: all heads of a stack at once."""

from __future__ import annotations

import streamlit as st

from viz import services
from viz.components.head_wall import BY_LAYER, head_wall
from viz.services import Request
from viz.state import keys, session
from viz.state.head_in_view import select_head
from viz.views.selected_head import SCORE_NAMES, Selection

WALL_HEIGHT, WIDE_WALL_HEIGHT = 620, 420
ORDER_PX = 214
MOST_BESIDE = 16  # heads a layer; more are too small to be told apart, or scroll sideways, in half a page


def is_wide(chosen: Selection) -> bool:
    """Whether the wall needs the whole width of the page."""
    run, stack = chosen.run, chosen.stack
    return max(run.heads(layer, stack) for layer in range(run.layers(stack))) > MOST_BESIDE


def order(chosen: Selection) -> None:
    """How the wall is laid out."""
    st.selectbox(
        "Order",
        [BY_LAYER, *chosen.run.scores(chosen.stack).names],
        key=keys.SORT,
        format_func=lambda name: (
            "Layers down, heads across" if name == BY_LAYER else f"Highest {SCORE_NAMES[name]} first"
        ),
        label_visibility="collapsed",
        help="Lay the heads out by layer, or by what they score on this text.",
        width=ORDER_PX,
    )


def wall(request: Request, chosen: Selection) -> None:
    """All heads; a click or the arrow keys select one."""
    run, stack = chosen.run, chosen.stack
    scores = run.scores(stack)
    layers = run.layers(stack)
    head_wall(
        services.atlas(request, run, stack),
        key=f"wall-{stack}",
        selected=(chosen.layer, chosen.head),
        roles=[
            [scores.role(layer, head) for head in range(run.heads(layer, stack))] for layer in range(layers)
        ],
        scores={name: values.numpy() for name, values in scores.values.items()},
        chance={name: values.numpy() for name, values in scores.chance.items()},
        sort=session.get(keys.SORT),
        max_height=WIDE_WALL_HEIGHT if is_wide(chosen) else WALL_HEIGHT,
        on_select=select_head,
    )
