"""Explore: one text, every head of a model."""

from __future__ import annotations

import streamlit as st

import models
from viz import state
from viz.services import Request
from viz.views.chooser import chosen_view
from viz.views.explain import explain
from viz.views.obtain import obtain
from viz.views.selected_head import Selection, drawing_controls, selected_head
from viz.views.sidebar import sidebar
from viz.views.summary import summary
from viz.views.tokens import tokens
from viz.views.wall import is_wide, order, wall


def page() -> None:
    request = sidebar()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.markdown("### Explore", width="content")
        st.caption(
            "Every attention head of the model on your text. Click a head to see it large.", width="content"
        )
    shown = obtain(request)
    if shown is not None:
        summary(*shown)
        heads(*shown)


@st.fragment
def heads(request: Request, run: models.Capture) -> None:
    """All that follows a click on a head: redrawn by itself, without the rest of the page."""
    state.hold_on()
    stack = _stack(run)
    layer, head = state.head(run, stack)
    chosen = Selection(run, stack, layer, head, dark=st.context.theme.type == "dark")
    with st.container(gap="xsmall"):
        tokens(chosen)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            order(chosen)
            drawing_controls()
        _wall_and_head(request, chosen)
    explain("heads")
    chosen_view(request, chosen)
    state.remember()


def _wall_and_head(request: Request, chosen: Selection) -> None:
    """Side by side, where the wall has room enough for that."""
    if is_wide(chosen):
        left, right = st.container(), st.container()
    else:
        left, right = st.columns([0.42, 0.58], gap="medium")
    with left:
        wall(request, chosen)
    with right, st.container(gap="xsmall"):
        selected_head(chosen)


def _stack(run: models.Capture) -> str:
    if len(run.stacks) == 1:
        return run.stack
    if state.get(state.STACK) not in run.stacks:
        state.put(**{state.STACK: run.stack})
    st.segmented_control(
        "Attention of",
        run.stacks,
        key=state.STACK,
        required=True,
        help="encoder: the source over itself; decoder: the target over itself; cross: the target over the source.",
    )
    return state.get(state.STACK)


page()
