"""How much of the latents a text uses: effective rank and singular values, per layer."""

from __future__ import annotations

import streamlit as st

import models
from models.look.latent_reading import Spectrum
from viz.figures.cache_spectra import effective_ranks, singular_values
from viz.figures.layout.config import WITHOUT_BAR
from viz.services import Request, latent_readings
from viz.state import keys, session
from viz.views.columns import pair
from viz.views.explain import explain
from viz.views.latents.background import is_done
from viz.views.latents.subject import Subject


def spectrum(subject: Subject) -> None:
    """Effective rank of every layer beside what it could be, and all singular values."""
    spectra = spectra_of(keys.SPECTRA_JOB, subject.request, subject.run)
    if spectra is None:
        return
    chosen = spectra[subject.layer]
    st.markdown(
        f"**Effective rank {chosen.effective_rank:.3g}** of {chosen.elements} dimensions in L{subject.layer} *measured* "
        f"on {chosen.positions} position{'s' * (chosen.positions != 1)}"
    )
    if chosen.positions < chosen.elements:
        st.caption(
            f"A text of {chosen.positions} tokens cannot show more than {chosen.positions} directions; one of "
            f"{chosen.elements} tokens or more could show whether all {chosen.elements} dimensions are used."
        )
    left, right = pair("latents-spectrum", 0.5, 0.5)
    with left:
        st.plotly_chart(
            effective_ranks(spectra, selected=subject.layer, dark=subject.dark),
            key=keys.RANKS_CHART,
            theme=None,
            config=WITHOUT_BAR,
            on_select=lambda: _choose(subject),
            selection_mode="points",
            alt="Effective rank of the cached vectors of every layer",
        )
    with right:
        st.plotly_chart(
            singular_values(spectra, selected=subject.layer, dark=subject.dark),
            key="latents-singular-values",
            theme=None,
            config=WITHOUT_BAR,
            alt="Singular values of the cached vectors of every layer",
        )
    explain("Spectrum")


def spectra_of(name: str, request: Request, run: models.Capture) -> tuple[Spectrum, ...] | None:
    """None while they are worked out, which is then shown. name: tells works on a page apart. Raises BadSelection."""
    if not latent_readings.are_spectra_known(request) and not is_done(
        name, request, request, lambda progress: latent_readings.cache_spectra(request, run, progress)
    ):
        return None
    return latent_readings.cache_spectra(request, run)


def _choose(subject: Subject) -> None:
    points = session.clicked_points(keys.RANKS_CHART)
    if points and subject.run.has_latents(int(points[0]["x"])):
        session.put({keys.LAYER: int(points[0]["x"]), keys.HEAD: subject.head})
