"""Which view stands below the wall: one at a time, so that nothing is computed that nobody looks at."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from viz import state
from viz.services import Request
from viz.views.all_heads import all_heads
from viz.views.bertviz import bertviz
from viz.views.compare import compare
from viz.views.continuation import continuation
from viz.views.downloads import downloads
from viz.views.explain import explain
from viz.views.lines import lines
from viz.views.rollout import rollout
from viz.views.selected_head import Selection

View = Callable[[Request, Selection], None]

VIEWS: dict[str, View] = {
    "Lines": lambda _, chosen: lines(chosen),
    "Compare": compare,
    "BertViz": lambda _, chosen: bertviz(chosen),
    "Rollout": rollout,
    "All heads": lambda _, chosen: all_heads(chosen),
    "Continue": continuation,
    "Download": downloads,
}


def chosen_view(request: Request, chosen: Selection) -> None:
    """The chooser and the chosen view."""
    if state.get(state.VIEW) not in VIEWS:
        state.put(**{state.VIEW: next(iter(VIEWS))})
    st.segmented_control(
        "View", list(VIEWS), key=state.VIEW, required=True, label_visibility="collapsed",
        help="More ways to look at the selected head, and at all of them.",
    )  # fmt: skip
    name = state.get(state.VIEW)
    VIEWS[name](request, chosen)
    explain(name)
