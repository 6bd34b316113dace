"""Which view stands below the wall: one at a time, so that nothing is computed that nobody looks at."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from viz import state
from viz.views.prune.continuations import continuations
from viz.views.prune.doubts.view import doubts
from viz.views.prune.importance.view import importance
from viz.views.prune.removal.view import removal
from viz.views.prune.subject import Subject

VIEWS: dict[str, Callable[[Subject], None]] = {
    "Continue": continuations,
    "Importance": importance,
    "Remove for real": removal,
    "Doubts": doubts,
}


def chosen_view(subject: Subject) -> None:
    """The chooser and the chosen view."""
    if state.get(state.PRUNE_VIEW) not in VIEWS:
        state.put(**{state.PRUNE_VIEW: next(iter(VIEWS))})
    st.segmented_control(
        "View", list(VIEWS), key=state.PRUNE_VIEW, required=True, label_visibility="collapsed",
        help="Ways to look at what heads are worth.",
    )  # fmt: skip
    VIEWS[state.get(state.PRUNE_VIEW)](subject)
