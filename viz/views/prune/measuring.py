"""Several numbers worked out in the background, one after the other, and drawn as they come."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import streamlit as st

from models.progress import Progress, part
from viz import services
from viz.services import Request
from viz.services.forecast import about
from viz.services.job import Job
from viz.services.lanes import STUDIES, Lane
from viz.views.obtain import complain, sentence
from viz.views.working import begin, job_of, still_running

SMALL = 1e12  # operations that a page may do unasked: some seconds to half a minute on two cores
SLACK = 2.0  # short texts in small batches do not reach the speed of one large product


@dataclass(frozen=True, slots=True)
class Step:
    """One result: whether it is there, how it is made, and how many operations that takes (formula)."""

    known: Callable[[], bool]
    make: Callable[[Progress], object]
    operations: float


def measuring(
    name: str,
    key: Hashable,
    steps: Sequence[Step],
    draw: Callable[[], None],
    request: Request,
    *,
    offer: str = "Measure",
    unasked: bool = True,
    lane: Lane = STUDIES,
) -> bool:
    """Draw what is there, and have what is missing worked out; True where all of it is there.

    name: of the visitor's job, key: what it is for. unasked: whether it begins without a click where it is
    little; offer: the button's text where it is not. lane: where it waits for its turn.
    """
    missing = [step for step in steps if not step.known()]
    if not missing:
        draw()
        return True
    operations = sum(step.operations for step in missing)
    job = job_of(name, key)
    if job is None and unasked and operations <= SMALL:
        job = _start(name, key, missing, lane)
    if job is not None and still_running(name, job, draw):
        return False
    if all(step.known() for step in steps):
        draw()
        return True
    _stopped(name, key, missing, _seconds(request, operations), offer, lane)
    if job is not None and job.error is not None:
        complain(sentence(job.error, request))
    draw()
    return False


def _stopped(
    name: str, key: Hashable, missing: Sequence[Step], seconds: float, offer: str, lane: Lane
) -> None:
    """Nothing runs: a button that starts it, or starts it again."""
    job = job_of(name, key)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Measure the rest" if job is not None else offer, key=f"go-{name}", type="primary", on_click=_restart,
            args=(name, key, missing, lane), width="content", help="It runs in the background and can be cancelled.",
        )  # fmt: skip
        cancelled = "Cancelled; what was measured stays. " if job is not None and job.cancelled else ""
        st.caption(f"{cancelled}{about(seconds).capitalize()}, estimated.", width="content")


def _seconds(request: Request, operations: float) -> float:
    """Estimated, at the speed of a matrix product on this device."""
    return SLACK * operations / services.flops_per_s(str(services.model_of(request).device))


def _restart(name: str, key: Hashable, steps: Sequence[Step], lane: Lane) -> None:
    _start(name, key, steps, lane)


def _start(name: str, key: Hashable, steps: Sequence[Step], lane: Lane) -> Job[None]:
    return begin(name, key, lambda job: _work(steps, job), lane)


def _work(steps: Sequence[Step], job: Job[None]) -> None:
    """The results stay in the shared stores alone, which are bounded."""
    total, done = sum(step.operations for step in steps), 0.0
    for step in steps:
        step.make(part(job, done / total, (done + step.operations) / total))
        done += step.operations
        job.announce()
