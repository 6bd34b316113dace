"""The least important heads of a text, found in the background and then switched off."""

from __future__ import annotations

from viz.services import ablations
from viz.services.lanes import CLICKS
from viz.state import keys, session
from viz.views import obtain
from viz.views.prune import history, presets
from viz.views.prune.subject import Subject
from viz.views.working import begin as begin_job
from viz.views.working import forget, job_of, still_running

AT_ONCE_S = 0.4  # a small model has answered by then


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
    session.put({keys.LEAST_ASKED: count})
    begin_job(
        keys.LEAST_JOB,
        (request, stack),
        lambda progress: ablations.gradients(request, stack, progress),
        CLICKS,
    )


def take_up(subject: Subject) -> bool:
    """Before anything is drawn: switch them off once they are found. True where that changed what is off."""
    job = job_of(keys.LEAST_JOB, (subject.request, subject.stack))
    if job is None:
        return False
    job.wait(AT_ONCE_S)
    found = job.result
    if found is None:
        return False
    forget(keys.LEAST_JOB)
    history.put(presets.least(found.tolist(), subject.every, session.get(keys.LEAST_ASKED)))
    return True


def watch(subject: Subject) -> None:
    """How far the search is, and what broke it off."""
    job = job_of(keys.LEAST_JOB, (subject.request, subject.stack))
    if job is None or still_running(keys.LEAST_JOB, job):
        return
    if job.error is not None:
        obtain.complain(obtain.sentence(job.error, subject.request))
    if job.result is None:
        forget(keys.LEAST_JOB)
