"""How much memory the caches of many users take, for any model."""

from __future__ import annotations

from typing import Any

import streamlit as st

import models
from models.costs.planner import ServingPlan
from viz import unforeseen
from viz.services import plans
from viz.services.job import Job
from viz.state import keys, session
from viz.views.compare.planner.result import planned
from viz.views.compare.planner.settings import Asked, planner_settings
from viz.views.explain import explain
from viz.views.obtain import complain
from viz.views.working import begin, forget, job_of, still_running


def planner() -> None:
    """One view of the page Compare."""
    asked = planner_settings()
    if asked is None:
        _earlier()
    else:
        _show(asked)
    explain("Planner")


def _show(asked: Asked) -> None:
    job = None
    if not plans.is_read(asked.source):
        job = job_of(keys.PLAN_JOB, asked.source) or begin(
            keys.PLAN_JOB, asked.source, lambda progress: plans.anatomy_of(asked.source, progress)
        )
        if still_running(keys.PLAN_JOB, job, _earlier):
            return
    plan = None if _broken(job) else _plan(asked)
    if plan is None:
        _earlier()
        return
    session.put({keys.LAST_PLAN: (asked, plan)})
    planned(asked, plan)


def _broken(job: Job[Any] | None) -> bool:
    """Whether reading the config has failed, which is said; asking again tries again."""
    if job is None or job.result is not None:
        return False
    if job.cancelled:
        st.info("Cancelled. Choose the model again to go on.", icon=":material/cancel:")
        return True
    forget(keys.PLAN_JOB)
    complain(_sentence(job.error))
    return True


def _plan(asked: Asked) -> ServingPlan | None:
    try:
        return models.plan_serving(
            plans.anatomy_of(asked.source), asked.context, asked.users, asked.device_bytes, asked.dtype
        )
    except Exception as error:  # any config may be pasted, and none must take the earlier result off the page
        complain(_sentence(error))
        return None


def _sentence(error: Exception | None) -> str:
    return unforeseen.sentence(error, "working out this config", "a smaller model")


def _earlier() -> None:
    """What this visitor saw last."""
    last = session.find(keys.LAST_PLAN)
    if last is not None:
        st.caption("Below is what was shown before.")
        planned(*last)
