"""Starts the measurements, tells how far they are, and what could not be measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import streamlit as st

from models.progress import Progress
from viz import unforeseen
from viz.markdown import escaped
from viz.services import measurements
from viz.services.contenders import Entrant
from viz.services.cost_forecast import forecast
from viz.services.forecast import about
from viz.services.job import Job
from viz.services.lanes import MEASURING
from viz.services.measurements import Plan, Told
from viz.state import keys, session
from viz.views.obtain import complain
from viz.views.working import begin, job_of, still_running

UNASKED_S = 3.0  # what is forecast to take no longer is measured without a click


def running(plan: Plan, draw: Callable[[bool], None]) -> None:
    """The button, and what has been measured so far. draw: shows it; told whether more is on its way."""
    job = job_of(keys.MEASURE_JOB, keys.MEASURE_JOB)
    if job is None:
        job = _first_look(plan)
    _button(plan, job)
    if job is not None and still_running(keys.MEASURE_JOB, job, lambda: draw(True)):
        return
    if job is not None:
        _ended(job)
    draw(False)


def without_a_plan() -> None:
    """What goes on of an earlier plan can still be watched and cancelled."""
    job = job_of(keys.MEASURE_JOB, keys.MEASURE_JOB)
    if job is not None:
        still_running(keys.MEASURE_JOB, job)


def _button(plan: Plan, job: Job[Any] | None) -> None:
    counted = forecast(plan)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Run", type="primary", key="cost-go", on_click=_restart, args=(plan,), width="content",
            icon=":material/speed:", disabled=job is not None and job.running,
            help="Measure all of this on the server’s device. It can be cancelled, and what is measured by then stays.",
        )  # fmt: skip
        least = (
            f", and what {escaped(', '.join(counted.unknown))} will take is not known yet"
            if counted.unknown
            else ""
        )
        st.caption(
            f"{_count(plan)} · {about(counted.seconds)}, estimated{least}. One measurement at a time runs on this server.",
            width="content",
        )


def _count(plan: Plan) -> str:
    many, texts, long = len(plan.entrants), len(plan.batches), len(plan.contexts)
    return (
        f"{many} contender{'s' * (many > 1)} in turn, {long} context{'s' * (long > 1)}, {texts} batch{'es' * (texts > 1)}, "
        f"{plan.repeats} repeats"
    )


def _restart(plan: Plan) -> None:
    _start(plan)


def _start(plan: Plan) -> Job[Any]:
    unmeasured = Told()
    session.put({keys.UNMEASURED: unmeasured})
    return begin(
        keys.MEASURE_JOB, keys.MEASURE_JOB, lambda progress: _work(plan, unmeasured, progress), MEASURING
    )


def _work(plan: Plan, unmeasured: Told, progress: Progress) -> None:
    """The results stay on the shared shelf alone."""
    measurements.run(plan, unmeasured, progress)


def _first_look(plan: Plan) -> Job[Any] | None:
    """Something measured to look at, where nothing of this plan is there and it takes no time worth asking for."""
    if session.find(keys.FIRST_LOOK_TAKEN) or any(_has_any(plan, entrant) for entrant in plan.entrants):
        return None
    session.put({keys.FIRST_LOOK_TAKEN: True})
    small = measurements.first_look(plan)
    counted = forecast(small)
    return _start(small) if not counted.unknown and counted.seconds <= UNASKED_S else None


def _has_any(plan: Plan, entrant: Entrant) -> bool:
    return any(measurements.points(replace(plan, entrants=(entrant,))))


def _ended(job: Job[Any]) -> None:
    if job.cancelled:
        st.info("Cancelled. What was measured before is shown below.", icon=":material/cancel:")
    elif job.error is not None:
        complain(unforeseen.sentence(job.error, "measuring", "a shorter context or a smaller batch"))
    unmeasured = session.find(keys.UNMEASURED)
    for sentence in unmeasured.sentences if unmeasured is not None else ():
        complain(sentence)
