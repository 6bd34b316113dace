"""Work of the page Latents that goes on in the background, so that a click on Cancel is heard at once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import streamlit as st

import models
from models.progress import Progress
from viz.services import Request
from viz.services.lanes import CLICKS, Lane
from viz.views.obtain import complain, sentence
from viz.views.working import begin, forget, job_of, still_running


def is_begun(name: str, key: Hashable) -> bool:
    """Whether this visitor has had that work begun, and nothing else under its name since."""
    return job_of(name, key) is not None


def is_done(
    name: str, key: Hashable, request: Request, work: Callable[[Progress], Any], lane: Lane = CLICKS
) -> bool:
    """Whether the work has come to its end, which leaves its result in a store; it is begun where it is not.

    Before that its progress is drawn, and afterwards what went wrong. name: tells the page's works apart. Raises the
    BadSelection that ended it, for the caller to say what there is to choose instead.
    """
    job = job_of(name, key) or begin(name, key, work, lane)
    if still_running(name, job):
        return False
    if isinstance(job.error, models.BadSelection):
        raise job.error
    if job.error is not None:
        complain(sentence(job.error, request))
    elif job.cancelled:
        st.info("Cancelled. Nothing of it was kept.", icon=":material/cancel:")
    else:
        return True
    st.button("Start again", key=f"again-{name}", on_click=forget, args=(name,), icon=":material/replay:")
    return False
