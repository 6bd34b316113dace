"""Get the capture that a request asks for, with progress, and keep the last good one in view when that fails."""

from __future__ import annotations

import streamlit as st

import models
from viz import services
from viz.services import Request

_LAST = "_last_good_request"


def obtain(request: Request) -> tuple[Request, models.Capture] | None:
    """The request that can be shown and its capture; what went wrong is said on the page.

    Falls back to this visitor's last good request, so that a mistake never empties the page. None where there is none.
    """
    try:
        run = _with_progress(request)
    except models.HeadlightError as error:
        st.error(str(error), icon=":material/error:")
        last = st.session_state.get(_LAST)
        if last is None:
            return None
        st.caption("Below is what was shown before.")
        return last, services.capture(last)
    st.session_state[_LAST] = request
    return request, run


def attempt(request: Request) -> models.Capture | None:
    """The capture of a side request; what went wrong is said on the page, and None comes back."""
    try:
        return _with_progress(request)
    except models.HeadlightError as error:
        st.error(str(error), icon=":material/error:")
        return None


def _with_progress(request: Request) -> models.Capture:
    if services.is_captured(request):
        return services.capture(request)
    place = st.empty()
    bar = place.progress(0.0, text="Starting")

    def show(message: str, fraction: float) -> None:
        bar.progress(min(fraction, 1.0), text=message)

    try:
        return services.capture(request, show)
    finally:
        place.empty()
