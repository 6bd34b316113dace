"""Evolution: from one vector to one latent, every step a small model that was really trained."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from models.classic.milestones import Milestone
from viz.state import keys, session
from viz.views.columns import column_style
from viz.views.evolution.cards import training
from viz.views.evolution.date_text import date_text
from viz.views.evolution.mended.view import mended
from viz.views.evolution.milestones import about, milestones
from viz.views.evolution.side_by_side import side_by_side
from viz.views.evolution.watch import watch
from viz.views.explain import explain
from viz.views.tabs import tabs


def _beside(dark: bool) -> None:
    found = date_text()
    if found is not None:
        side_by_side(*found, dark)


VIEWS: dict[str, Callable[[Milestone, bool], None]] = {
    "Watch": watch,
    "Side by side": lambda _, dark: _beside(dark),
    "What it fixed": mended,
    "Training": lambda _, dark: training(dark),
}


def page() -> None:
    with st.sidebar:
        st.caption("This page shows small models of its own; no text of the other pages is read here.")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.markdown("### Evolution", width="content")
        st.caption(
            "From no attention to one latent: every step is a small model that was really trained. Click one, type your own.",
            width="content",
        )
    column_style()
    evolution()


@st.fragment
def evolution() -> None:
    """All that follows a click: redrawn by itself, without the rest of the page."""
    session.hold_on()
    milestone = milestones()
    about(milestone)
    view = tabs(
        VIEWS,
        keys.EVOLUTION_VIEW,
        "Watch the chosen model work, all of them on one date, what the chosen kind fixed, or how they were trained.",
    )
    view(milestone, st.context.theme.type == "dark")
    explain("What it fixed" if view is mended else "Evolution")
    session.remember()


if __name__ == "__main__":  # as Streamlit runs it
    page()
