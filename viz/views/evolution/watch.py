"""The chosen model at work on what a visitor types."""

from __future__ import annotations

import streamlit as st

from models.classic.milestones import Milestone
from viz.services import Request
from viz.services.ancestors import MEMORY, TITLES
from viz.views.evolution.alignment import alignment
from viz.views.evolution.date_text import date_text
from viz.views.evolution.draws import draws
from viz.views.evolution.member import heads_on, member
from viz.views.evolution.story import story


def watch(milestone: Milestone, dark: bool) -> None:
    """A date being written, or a story being read."""
    name = milestone.model
    if milestone.warning:
        st.info(
            "Nobody ships weights of this module, so there is nothing to watch. “What it fixed” counts what it keeps.",
            icon=":material/info:",
        )
        return
    if name == MEMORY:
        story(dark)
        return
    if name not in TITLES:
        member(name, dark)
        return
    found = date_text()
    if found is None:
        return
    text, said = found
    if milestone.key == "self":
        heads_on(Request(name, "auto", text, dtype="float32"), dark, "encoder")
        return
    alignment(name, TITLES[name], text, said)
    if name == "classic-hard":
        draws(text, said, dark)
