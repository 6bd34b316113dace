"""Get the capture that a request asks for, with progress, and keep the last good one in view when that fails."""

from __future__ import annotations

import logging

import streamlit as st

import models
from viz import services
from viz.components.text_guard import REPLACEMENT
from viz.plain import plain
from viz.services import Request

_log = logging.getLogger(__name__)

_LAST = "_last_good_request"
_CANCELLED = "_cancelled_request"


def obtain(request: Request) -> tuple[Request, models.Capture] | None:
    """The request that can be shown and its capture; what went wrong is said on the page.

    Falls back to this visitor's last good request, so that a mistake never empties the page. None where there is none.
    """
    if st.session_state.get(_CANCELLED) == request:
        st.info("Cancelled. Press Run to start it again.", icon=":material/cancel:")
        return _last()
    run = attempt(request, can_cancel=True)
    if run is None:
        return _last()
    st.session_state[_LAST] = request
    if REPLACEMENT in request.text + request.second:
        st.warning(
            f"Each “{REPLACEMENT}” in the text stands for a character that could not be read, such as half of an emoji: "
            "put the right character there, or delete it.",
            icon=":material/warning:",
        )
    return request, run


def start_again() -> None:
    """Forget what was cancelled: the visitor asks anew."""
    st.session_state.pop(_CANCELLED, None)


def _last() -> tuple[Request, models.Capture] | None:
    last = st.session_state.get(_LAST)
    if last is None:
        return None
    run = attempt(last)
    if run is None:
        return None
    st.caption("Below is what was shown before.")
    return last, run


def _cancel(request: Request) -> None:
    st.session_state[_CANCELLED] = request


def attempt(request: Request, can_cancel: bool = False) -> models.Capture | None:
    """The capture of a request; what went wrong is said on the page, and None comes back.

    can_cancel: offers a button for it, which works outside of fragments alone: a click inside of a fragment waits until
    the fragment is done (Run, in the sidebar, interrupts both).
    """
    try:
        return _with_progress(request, can_cancel)
    except models.HeadlightError as error:
        _complain(str(error))
    except Exception as error:
        # Any model may be asked for: what nobody has foreseen must not take the earlier result off the page.
        _log.exception("%s failed", request.model)
        _complain(
            f"“{request.model}” failed on this text, with {type(error).__name__} ({str(error)[:200]}): try a shorter "
            "text or another model; the details stand in the server's log."
        )
    return None


def _complain(message: str) -> None:
    st.error(plain(message), icon=":material/error:")


def _with_progress(request: Request, can_cancel: bool) -> models.Capture:
    if services.is_captured(request):
        return services.capture(request)
    place = st.empty()
    with place.container():
        bar = st.progress(0.0, text="Starting")
        if can_cancel:
            st.button(
                "Cancel",
                key=f"cancel-{hash(request)}",
                on_click=_cancel,
                args=(request,),
                help="Stop this run.",
            )

    def show(message: str, fraction: float) -> None:
        bar.progress(min(fraction, 1.0), text=message)

    try:
        return services.capture(request, show)
    finally:
        place.empty()
