"""Latents: what latent attention caches, who reads it, and what breaks without it."""

from __future__ import annotations

import streamlit as st

import models
from viz import state
from viz.services import Request
from viz.sidebar import sidebar
from viz.views.latents.subject import Subject, chosen_place, obtain_subject


def page() -> None:
    request = sidebar()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.markdown("### Latents", width="content")
        st.caption(
            "The one vector per token that all heads of a layer read. Click a cell of the map.",
            width="content",
        )
    found = obtain_subject(request)
    if found is not None:
        latents(*found)


@st.fragment
def latents(request: Request, run: models.Capture, other: Request | None) -> None:
    """All that follows a click: redrawn by itself, without the rest of the page. other: what stands beside."""
    subject = Subject(request, run, *chosen_place(run), dark=st.context.theme.type == "dark")
    st.write(subject.layer, other)
    state.remember()


page()
