"""What all of these demonstrations are drawn with: work with its progress, a verdict in the numbers that came out, a chart."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import streamlit as st

from viz import unforeseen
from viz.figures.layout.config import WITHOUT_BAR
from viz.services.job import Job
from viz.services.lanes import CLICKS, Lane
from viz.state import keys
from viz.views.obtain import complain
from viz.views.working import begin, forget, job_of, still_running

T = TypeVar("T")


def worked_out(key: Hashable, work: Callable[[Job[Any]], T], what: str, lane: Lane = CLICKS) -> T | None:
    """The result; None while it is worked out, and where that was broken off, which is then said."""
    job = job_of(keys.MENDED_JOB, key) or begin(keys.MENDED_JOB, key, work, lane)
    if still_running(keys.MENDED_JOB, job):
        return None
    if job.cancelled:
        st.info("Cancelled: nothing was measured.", icon=":material/cancel:")
    elif job.error is not None:
        complain(unforeseen.sentence(job.error, what, "a shorter text"))
    else:
        return job.result
    st.button(
        "Measure", key="mended-again", on_click=forget, args=(keys.MENDED_JOB,), icon=":material/refresh:"
    )
    return None


def verdict(seen: bool, sentence: str) -> None:
    """Whether the demonstration holds on this input, and what was measured."""
    if seen:
        st.markdown(f":material/check_circle: **Seen on this input.** {sentence}")
    else:
        st.markdown(f":material/error: **Not seen on this input.** {sentence}")


def draw(figure: object, key: str, alt: str) -> None:
    """A chart."""
    st.plotly_chart(figure, key=key, theme=None, config=WITHOUT_BAR, alt=alt)
