"""Prune: switch heads off, see what breaks, find out which matter, and remove them for real."""

from __future__ import annotations

import streamlit as st

import models
from viz import state
from viz.services import Request
from viz.views.columns import column_style
from viz.views.explain import explain
from viz.views.obtain import obtain
from viz.views.open_in_explore import go_there
from viz.views.prune import least_important
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
    with st.container():  # so that what follows keeps its place when the progress goes
        found = obtain(request)
    if found is None:
        return
    column_style()
    summary(*found)
    prune(*found)


@st.fragment
def prune(request: Request, run: models.Capture) -> None:
    """All that follows a click: redrawn by itself, without the rest of the page."""
    state.hold_on()
    state.keep(state.EVALUATED_TOKENS)  # only one view draws it
    go_there()  # first: where a smaller model was taken, nothing more is to be worked out of this one
    subject = subject_of(request, run, dark=st.context.theme.type == "dark")
    if least_important.take_up(subject):
        subject = subject_of(request, run, subject.dark)
    draw_the_slow = effect(subject)
    explain("Prune")
    chosen_view(subject)
    draw_the_slow()
    state.remember()


page()
