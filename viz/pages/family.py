"""Family: one text, four models that differ in their attention alone."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from viz.state import session
from viz.state.head_in_view import common_head
from viz.views.columns import column_style, pair
from viz.views.explain import explain
from viz.views.family.candidates import candidates
from viz.views.family.cards import cards
from viz.views.family.head import heatmaps, scores, selections, tokens
from viz.views.family.losses import losses
from viz.views.family.members import STACK, Member, obtain_family
from viz.views.family.notices import notices
from viz.views.family.walls import walls
from viz.views.sidebar import sidebar


def page() -> None:
    request = sidebar(models_shown="This page runs all four models of the family on the text.")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.markdown("### Family", width="content")
        st.caption(
            "Four small models, trained alike, that differ in their attention alone. Click a head to see it in all four.",
            width="content",
        )
    column_style()
    members = obtain_family(request)
    if members:
        notices(members)
        side_by_side(members)
    cards(_dark())


@st.fragment
def side_by_side(members: Sequence[Member]) -> None:
    """All that follows a click on a head or a token: redrawn by itself, without the rest of the page."""
    session.hold_on()
    head = common_head([member.run for member in members], STACK)
    chosen = selections(members, head, _dark())
    tokens(chosen)
    walls(members, head)
    heatmaps(members, chosen)
    left, right = pair("head", 0.45, 0.55)
    with left:
        scores(members, chosen)
    with right:
        candidates(members)
    losses(members, _dark())
    explain("Family")
    session.remember()


def _dark() -> bool:
    return st.context.theme.type == "dark"


if __name__ == "__main__":  # as Streamlit runs it
    page()
