"""One visitor's work in the background: what runs, how far it is, a button that ends it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from itertools import count
from typing import Any

import streamlit as st

from models.progress import Progress
from viz.plain import plain
from viz.services.job import Job

FIRST_LOOK_S = 0.3  # short work is done by then
LOOK_EVERY_S = 1.0


def job_of(name: str, key: Hashable) -> Job[Any] | None:
    """This visitor's job of that name, if it was begun for that key."""
    asked, job = st.session_state.get(_slot(name), (None, None))
    return job if asked == key else None


def begin(name: str, key: Hashable, work: Callable[[Progress], Any]) -> Job[Any]:
    """Start work under a name; what ran there before is cancelled."""
    _, earlier = st.session_state.get(_slot(name), (None, None))
    if earlier is not None:
        earlier.cancel()
    job = Job(work)
    st.session_state[_slot(name)] = (key, job)
    return job


def forget(name: str) -> None:
    """Have it begun anew the next time it is needed."""
    st.session_state.pop(_slot(name), None)


def still_running(name: str, job: Job[Any], draw: Callable[[], None] | None = None) -> bool:
    """Whether it runs; if so, its progress is drawn, and the page runs again when it is over.

    draw: shows what is there so far, below the progress, again and again.
    """
    if job.running:
        job.wait(FIRST_LOOK_S)
    if not job.running:
        return False
    _watched(name, job, draw, count())
    return True  # also where it is over by now: what is drawn must not be drawn twice


@st.fragment(run_every=LOOK_EVERY_S)
def _watched(name: str, job: Job[Any], draw: Callable[[], None] | None, look: Iterator[int]) -> None:
    """Looks again and again: a click in a fragment of its own is heard at once.

    look: counts from 0, which is the run that draws the page. The page does not run again from within that one: a click
    that waits for it to end would find nothing that it belongs to.
    """
    message, fraction = job.told
    with st.container(horizontal=True, vertical_alignment="bottom", wrap=False):
        st.progress(fraction, text=plain(message))
        st.button("Cancel", key=f"cancel-{name}", on_click=job.cancel, help="Stop this work.")
    if draw is not None:
        draw()
    if next(look) and not job.running:
        st.rerun()


def _slot(name: str) -> str:
    return f"_job-{name}"
