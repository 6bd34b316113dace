"""Compare: what each kind of attention costs in time and memory, measured beside what the formulas say."""

from __future__ import annotations

import streamlit as st

from viz import state
from viz.views.columns import column_style
from viz.views.costs.chooser import chosen_view
from viz.views.sidebar import device_sidebar


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
    state.hold_on()
    state.keep(*state.COSTS)  # each view draws its own
    chosen_view()
    state.remember()


page()
