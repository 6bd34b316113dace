"""Compare: what each kind of attention costs in time and memory, measured beside what the formulas say."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from viz.state import keys, session
from viz.views.columns import column_style
from viz.views.compare.measure import measure
from viz.views.compare.planner.view import planner
from viz.views.compare.roofline import roofline
from viz.views.compare.self_check import self_check
from viz.views.sidebar import device_sidebar
from viz.views.tabs import tabs

VIEWS: dict[str, Callable[[], None]] = {
    "Measure": measure,
    "Planner": planner,
    "Roofline": roofline,
    "Self-check": self_check,
}
_VIEWS_HELP = (
    "Measure models in turn; plan memory for any config; see what bounds the speed; check the formulas."
)


def page() -> None:
    device_sidebar("This page measures models of its own choice: tick them on the right.")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.markdown("### Compare", width="content")
        st.caption(
            "What each kind of attention costs on this machine, beside what theory says.", width="content"
        )
    column_style()
    costs()


@st.fragment
def costs() -> None:
    """All that follows a click: redrawn by itself, without the rest of the page."""
    session.hold_on()
    session.keep(*keys.OF_COMPARE)  # each view draws its own
    tabs(VIEWS, keys.COMPARE_VIEW, _VIEWS_HELP)()
    session.remember()


if __name__ == "__main__":  # as Streamlit runs it
    page()
