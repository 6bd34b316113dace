"""The least important heads of a text, found in the background and then switched off."""

from __future__ import annotations

import streamlit as st

from viz.services import ablations
from viz.services.lanes import CLICKS
from viz.views import obtain
from viz.views.prune import history, presets
from viz.views.prune.subject import Subject
from viz.views.working import begin as begin_job
from viz.views.working import forget, job_of, still_running

NAME = "prune-least"
AT_ONCE_S = 0.4  # a small model has answered by then
_COUNT = "_prune_least_count"


def why_not(subject: Subject) -> str:
    """Why they cannot be found, "" where they can."""
    if subject.model.geometry.role == "encoder":
        return "An encoder has no loss per token to derive; choose a decoder or an encoder-decoder."
    if len(subject.run.tokens) < 2:
        return "One token alone has no loss; type a longer text."
    return ""


def begin(subject: Subject, count: int) -> None:
    """In a callback: start to look for them."""
    request, stack = subject.request, subject.stack
    st.session_state[_COUNT] = count
    begin_job(NAME, (request, stack), lambda progress: ablations.gradients(request, stack, progress), CLICKS)


def take_up(subject: Subject) -> bool:
    """Before anything is drawn: switch them off once they are found. True where that changed what is off."""
    job = job_of(NAME, (subject.request, subject.stack))
    if job is None:
        return False
    job.wait(AT_ONCE_S)
    found = job.result
    if found is None:
        return False
    forget(NAME)
    history.put(presets.least(found.tolist(), subject.every, st.session_state[_COUNT]))
    return True


def watch(subject: Subject) -> None:
    """How far the search is, and what broke it off."""
    job = job_of(NAME, (subject.request, subject.stack))
    if job is None or still_running(NAME, job):
        return
    if job.error is not None:
        obtain.complain(obtain.sentence(job.error, subject.request))
    if job.result is None:
        forget(NAME)
