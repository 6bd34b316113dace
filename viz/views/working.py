"""One visitor's work in the background: what runs, how far it is, a button that ends it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import streamlit as st

from viz.components.job_watch import job_watch
from viz.services.job import Job
from viz.services.lanes import STUDIES, Lane
from viz.state import keys, session

FIRST_LOOK_S = 0.3  # short work is done by then


def job_of(name: str, key: Hashable) -> Job[Any] | None:
    """This visitor's job of that name, if it was begun for that key."""
    asked, job = session.find(keys.job(name), (None, None))
    return job if asked == key else None


def begin(name: str, key: Hashable, work: Callable[[Job[Any]], Any], lane: Lane = STUDIES) -> Job[Any]:
    """Start work under a name; what ran there before is cancelled."""
    return hold(name, key, Job(work, lane))


def hold(name: str, key: Hashable, job: Job[Any]) -> Job[Any]:
    """Keep a job under a name; what ran there before is cancelled."""
    _, earlier = session.find(keys.job(name), (None, None))
    if earlier is not None:
        earlier.cancel()
    session.put({keys.job(name): (key, job)})
    return job


def forget(name: str) -> None:
    """Have it begun anew the next time it is needed."""
    session.forget(keys.job(name))


def still_running(name: str, job: Job[Any], draw: Callable[[], None] | None = None) -> bool:
    """Whether it runs; if so, how far it is is drawn, and the page runs again when it is over.

    draw: shows what is there so far, below the progress; the page runs again, too, when there is more of it.
    """
    revision = job.revision  # first: what comes after it is drawn by the next run
    if job.running:
        job.wait(FIRST_LOOK_S)
    if not job.running:
        return False
    with st.container(horizontal=True, vertical_alignment="bottom", wrap=False):
        job_watch(job, key=f"watch-{name}", revision=revision)
        st.button("Cancel", key=f"cancel-{name}", on_click=job.cancel, help="Stop this work.")
    if draw is not None:
        draw()
    return True  # also where it is over by now: what is drawn must not be drawn twice
