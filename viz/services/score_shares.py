"""Which part of every head's scores decides, worked out once a capture for all visitors: it costs heads x tokens^2."""

from __future__ import annotations

import streamlit as st

import models
from models.look.latent_reading import ScoreShares
from models.look.latent_reading import score_shares as work_out
from viz.services import Request
from viz.services.kept import Kept, results


@st.cache_resource(show_spinner=False)
def _shares() -> Kept[ScoreShares]:
    return Kept(results())


def is_known(request: Request) -> bool:
    return request in _shares()


def score_shares(request: Request, run: models.Capture) -> ScoreShares:
    """Of the request's capture `run`; see models.look.latent_reading.score_shares. Raises BadSelection."""
    return _shares().get(request, lambda: work_out(run))
