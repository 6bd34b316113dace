"""Latents: what latent attention caches, who reads it, and what breaks without it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

import models
from viz.markdown import escaped
from viz.services import Request
from viz.state import keys, session
from viz.views.columns import column_style, pair
from viz.views.explain import explain
from viz.views.latents.dimension import dimension
from viz.views.latents.latent_map import latent_map, order_choice
from viz.views.latents.layer_choice import layer_choice
from viz.views.latents.other_kinds import other_kinds
from viz.views.latents.overlap import overlap
from viz.views.latents.position import position
from viz.views.latents.scores import scores
from viz.views.latents.spectrum import spectrum
from viz.views.latents.subject import Subject, chosen_place, keeps_a_cache, obtain_subject
from viz.views.latents.switch_off.view import switch_off
from viz.views.sidebar import sidebar
from viz.views.summary import summary
from viz.views.tabs import tabs

VIEWS: dict[str, Callable[[Subject, Request | None], None]] = {
    "Scores": lambda subject, _: scores(subject),
    "Spectrum": lambda subject, _: spectrum(subject),
    "Overlap": lambda subject, _: overlap(subject),
    "Switch off": lambda subject, _: switch_off(subject),
    "Other kinds": other_kinds,
}


def page() -> None:
    request = sidebar()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.markdown("### Latents", width="content")
        st.caption(
            "The one vector per token that all heads of a layer read. Click a cell of the map.",
            width="content",
        )
    found = obtain_subject(request)
    if found is None:
        return
    column_style()
    request, run, other = found
    if other is not None:
        _beside(request, other)
    summary(request, run)
    latents(request, run, other)


@st.fragment
def latents(request: Request, run: models.Capture, other: Request | None) -> None:
    """All that follows a click: redrawn by itself, without the rest of the page. other: what stands beside."""
    session.hold_on()
    subject = Subject(request, run, *chosen_place(run), dark=st.context.theme.type == "dark")
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        layer_choice(subject)
        order_choice()
    left, right = pair("latents", 0.62, 0.38)
    with left:
        latent_map(subject)
    with right:
        position(subject)
        dimension(subject)
    explain("Latents")
    tabs(VIEWS, keys.LATENT_VIEW, "More ways to look at the latents.")(subject, other)
    session.remember()


def _beside(request: Request, other: Request) -> None:
    """That another model is looked at than the one chosen, and where the chosen one stands."""
    if not keeps_a_cache(other):
        st.caption(
            f":material/info: {escaped(other.model)} keeps neither latents nor keys and values of what it writes, so this page "
            f"shows {escaped(request.model)} on the same text."
        )
        return
    st.caption(
        f":material/info: {escaped(other.model)} keeps keys and values, not latents, so this page shows "
        f"{escaped(request.model)}. What {escaped(other.model)} caches of the same text stands under “Other kinds” below."
    )


if __name__ == "__main__":  # as Streamlit runs it
    page()
