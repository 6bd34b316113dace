"""Explore: one text, every head of a model."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

import models
from viz.services import Request
from viz.state import keys, session
from viz.state.head_in_view import head_in_view
from viz.views.explain import explain
from viz.views.explore.all_heads import all_heads
from viz.views.explore.bertviz import bertviz
from viz.views.explore.compare import compare
from viz.views.explore.continuation import continuation
from viz.views.explore.downloads import downloads
from viz.views.explore.lines import lines
from viz.views.explore.rollout import rollout
from viz.views.explore.tokens import tokens
from viz.views.explore.wall import is_wide, order, wall
from viz.views.obtain import obtain
from viz.views.selected_head import Selection, drawing_controls, selected_head
from viz.views.sidebar import sidebar
from viz.views.summary import summary
from viz.views.tabs import tabs

VIEWS: dict[str, Callable[[Request, Selection], None]] = {
    "Lines": lambda _, chosen: lines(chosen),
    "Compare": compare,
    "BertViz": lambda _, chosen: bertviz(chosen),
    "Rollout": rollout,
    "All heads": lambda _, chosen: all_heads(chosen),
    "Continue": continuation,
    "Download": downloads,
}


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
    session.hold_on()
    stack = _stack(run)
    layer, head = head_in_view(run, stack)
    chosen = Selection(run, stack, layer, head, dark=st.context.theme.type == "dark")
    with st.container(gap="xsmall"):
        tokens(chosen)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            order(chosen)
            drawing_controls()
        _wall_and_head(request, chosen)
    explain("heads")
    tabs(_views(run), keys.VIEW, "More ways to look at the selected head, and at all of them.")(
        request, chosen
    )
    explain(session.get(keys.VIEW))
    session.remember()


def _views(run: models.Capture) -> dict[str, Callable[[Request, Selection], None]]:
    """Those that mean something for this model: nothing rolls out where no text attends to itself."""
    rolls_out = any(map(run.reads_itself, run.stacks))
    return VIEWS if rolls_out else {name: view for name, view in VIEWS.items() if name != "Rollout"}


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
    if session.get(keys.STACK) not in run.stacks:
        session.put({keys.STACK: run.stack})
    st.segmented_control(
        "Attention of",
        run.stacks,
        key=keys.STACK,
        required=True,
        help="encoder: the source over itself; decoder: the target over itself; cross: the target over the source.",
    )
    return session.get(keys.STACK)


if __name__ == "__main__":  # as Streamlit runs it
    page()
