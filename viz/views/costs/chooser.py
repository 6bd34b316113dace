"""Which view stands on the page: one at a time, so that nothing is computed that nobody looks at."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from viz import state
from viz.views.costs.measure import measure
from viz.views.costs.planner.view import planner
from viz.views.costs.roofline import roofline
from viz.views.costs.self_check import self_check

VIEWS: dict[str, Callable[[], None]] = {
    "Measure": measure,
    "Planner": planner,
    "Roofline": roofline,
    "Self-check": self_check,
}


def chosen_view() -> None:
    """The chooser and the chosen view."""
    if state.get(state.COST_VIEW) not in VIEWS:
        state.put(**{state.COST_VIEW: next(iter(VIEWS))})
    st.segmented_control(
        "View", list(VIEWS), key=state.COST_VIEW, required=True, label_visibility="collapsed",
        help="Measure models in turn; plan memory for any config; see what bounds the speed; check the formulas.",
    )  # fmt: skip
    VIEWS[state.get(state.COST_VIEW)]()
