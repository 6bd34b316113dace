"""Prune: switch heads off, see what breaks, find out which matter, and remove them for real."""

from __future__ import annotations

import streamlit as st

import models
from viz import state
from viz.services import Request
from viz.views.explain import explain
from viz.views.family.grid import grid_style
from viz.views.obtain import obtain
from viz.views.prune.chooser import chosen_view
from viz.views.prune.effect import effect
from viz.views.prune.subject import subject_of
from viz.views.sidebar import sidebar
from viz.views.summary import summary


def page() -> None:
    request = sidebar()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.markdown("### Prune", width="content")
        st.caption("Click heads to switch them off, and watch what breaks.", width="content")
    found = obtain(request)
    if found is None:
        return
    grid_style()
    summary(*found)
    prune(*found)


@st.fragment
def prune(request: Request, run: models.Capture) -> None:
    """All that follows a click: redrawn by itself, without the rest of the page."""
    subject = subject_of(request, run, dark=st.context.theme.type == "dark")
    effect(subject)
    explain("Prune")
    chosen_view(subject)
    state.remember()


page()
