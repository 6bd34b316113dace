"""Prune: switch heads off, see what breaks, find out which matter, and remove them for real."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

import models
from viz.services import Request
from viz.state import keys, session
from viz.views.columns import column_style
from viz.views.explain import explain
from viz.views.obtain import obtain
from viz.views.open_in_explore import go_there
from viz.views.prune import least_important
from viz.views.prune.continuations import continuations
from viz.views.prune.doubts.view import doubts
from viz.views.prune.effect import effect
from viz.views.prune.importance.view import importance
from viz.views.prune.removal.view import removal
from viz.views.prune.subject import Subject, subject_of
from viz.views.sidebar import sidebar
from viz.views.summary import summary
from viz.views.tabs import tabs

VIEWS: dict[str, Callable[[Subject], None]] = {
    "Continue": continuations,
    "Importance": importance,
    "Remove for real": removal,
    "Doubts": doubts,
}


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
    session.hold_on()
    session.keep(keys.EVALUATED_TOKENS)  # only one view draws it
    go_there()  # first: where a smaller model was taken, nothing more is to be worked out of this one
    subject = subject_of(request, run, dark=st.context.theme.type == "dark")
    if least_important.take_up(subject):
        subject = subject_of(request, run, subject.dark)
    draw_the_slow = effect(subject)
    explain("Prune")
    tabs(VIEWS, keys.PRUNE_VIEW, "Ways to look at what heads are worth.")(subject)
    draw_the_slow()
    session.remember()


if __name__ == "__main__":  # as Streamlit runs it
    page()
