"""Which view stands below the map: one at a time, so that nothing is computed that nobody looks at."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from viz import state
from viz.services import Request
from viz.views.latents.other_kinds import other_kinds
from viz.views.latents.overlap import overlap
from viz.views.latents.scores import scores
from viz.views.latents.spectrum import spectrum
from viz.views.latents.subject import Subject
from viz.views.latents.switch_off import switch_off

View = Callable[[Subject, Request | None], None]

VIEWS: dict[str, View] = {
    "Scores": lambda subject, _: scores(subject),
    "Spectrum": lambda subject, _: spectrum(subject),
    "Overlap": lambda subject, _: overlap(subject),
    "Switch off": lambda subject, _: switch_off(subject),
    "Other kinds": other_kinds,
}


def chosen_view(subject: Subject, other: Request | None) -> None:
    """The chooser and the chosen view. other: what the visitor chose, where that keeps no latents."""
    if state.get(state.LATENT_VIEW) not in VIEWS:
        state.put(**{state.LATENT_VIEW: next(iter(VIEWS))})
    st.segmented_control(
        "View", list(VIEWS), key=state.LATENT_VIEW, required=True, label_visibility="collapsed",
        help="More ways to look at the latents.",
    )  # fmt: skip
    VIEWS[state.get(state.LATENT_VIEW)](subject, other)
