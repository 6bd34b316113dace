"""Which view stands at the end of the page: one at a time, so that nothing is computed that nobody looks at."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from viz import state
from viz.views.convert.continuations import continuations
from viz.views.convert.conversion_in_view import ConversionInView
from viz.views.convert.healing import heal
from viz.views.convert.use_elsewhere import use_elsewhere

VIEWS: dict[str, Callable[[ConversionInView], None]] = {
    "Both write on": continuations,
    "Use it": use_elsewhere,
    "Heal": heal,
}


def chosen_view(made: ConversionInView) -> None:
    """The chooser and the chosen view."""
    if state.get(state.CONVERT_VIEW) not in VIEWS:
        state.put(**{state.CONVERT_VIEW: next(iter(VIEWS))})
    st.segmented_control(
        "Then", list(VIEWS), key=state.CONVERT_VIEW, required=True, label_visibility="collapsed",
        help="Let both models write on, take the converted one to the other pages, or train it to mend what was lost.",
    )  # fmt: skip
    VIEWS[state.get(state.CONVERT_VIEW)](made)
