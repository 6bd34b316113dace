"""Get the capture that a request asks for, with progress, and keep the last good one in view when that fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

import models
from models.panics import panics_told
from models.progress import Progress
from viz import services, unforeseen
from viz.components.text_guard import REPLACEMENT
from viz.markdown import escaped
from viz.services import Request
from viz.state import keys, session
from viz.views.languages import language_choice


def obtain(request: Request) -> tuple[Request, models.Capture] | None:
    """The request that can be shown and its capture; what went wrong is said on the page.

    Falls back to this visitor's last good request, so that a mistake never empties the page. None where there is none.
    """
    if was_cancelled(request):
        return _last()
    run = attempt(request, can_cancel=True)
    if run is None:
        return _last()
    session.put({keys.LAST_REQUEST: request})
    warn_of_replacements(request)
    language_choice(request)
    return request, run


def was_cancelled(request: Request) -> bool:
    """Whether this visitor has cancelled just this, which is then said on the page."""
    cancelled = session.find(keys.CANCELLED_REQUEST) == request
    if cancelled:
        st.info("Cancelled. Press Run to start it again.", icon=":material/cancel:")
    return cancelled


def warn_of_replacements(request: Request) -> None:
    """Say so where a part of the text could not be read."""
    if REPLACEMENT in request.text + request.second:
        st.warning(
            f"Each “{REPLACEMENT}” in the text stands for a character that could not be read, such as half of an emoji: "
            "put the right character there, or delete it.",
            icon=":material/warning:",
        )


def start_again() -> None:
    """Forget what was cancelled: the visitor asks anew."""
    session.forget(keys.CANCELLED_REQUEST)


def _last() -> tuple[Request, models.Capture] | None:
    last = session.find(keys.LAST_REQUEST)
    if last is None:
        return None
    run = attempt(last)
    if run is None:
        return None
    st.caption("Below is what was shown before.")
    return last, run


def _cancel(request: Request) -> None:
    session.put({keys.CANCELLED_REQUEST: request})


def attempt(request: Request, can_cancel: bool = False) -> models.Capture | None:
    """The capture of a request; what went wrong is said on the page, and None comes back.

    can_cancel: offers a button for it, which works outside of fragments alone: a click inside of a fragment waits until
    the fragment is done (Run, in the sidebar, interrupts both).
    """
    try:
        if services.is_captured(request):
            return services.capture(request)
        with progress_bar(request, can_cancel) as show, panics_told(f"“{request.model}”"):
            return services.capture(request, show)
    except Exception as error:
        complain(sentence(error, request))
    return None


def sentence(error: BaseException | None, request: Request) -> str:
    """What went wrong, for the page. What nobody has foreseen must not take the earlier result off the page, for any model
    may be asked for."""
    return unforeseen.sentence(error, f"“{request.model}” on this text", "a shorter text or a smaller model")


def complain(message: str) -> None:
    """Show a sentence of `sentence` as what it is: others' text, no Markdown."""
    st.error(escaped(message), icon=":material/error:")


@contextmanager
def progress_bar(request: Request, can_cancel: bool) -> Iterator[Progress]:
    """A bar that is there while something runs, and what moves it; with a button that cancels the request."""
    place = st.empty()
    with place.container():
        bar = st.progress(0.0, text="Starting")
        if can_cancel:
            st.button(
                "Cancel",
                key=f"stop-run-{hash(request)}",
                on_click=_cancel,
                args=(request,),
                help="Stop this run.",
            )

    def show(message: str, fraction: float) -> None:
        bar.progress(min(fraction, 1.0), text=message)

    try:
        yield show
    finally:
        place.empty()
