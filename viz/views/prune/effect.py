"""The wall on which heads are switched off, and what that does to the visitor's text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from models.progress import Progress
from viz.markdown import escaped
from viz.services import Request, ablations
from viz.services.ablations import Choice, Effect
from viz.services.job import Job
from viz.services.lanes import CLICKS
from viz.state import keys, session
from viz.views import obtain
from viz.views.columns import pair
from viz.views.prune import least_important
from viz.views.prune.chance import chance
from viz.views.prune.method import method_choice
from viz.views.prune.most_changed_head import most_changed_head
from viz.views.prune.nothing_off import nothing_off
from viz.views.prune.notices import notices
from viz.views.prune.numbers import numbers
from viz.views.prune.predictions import predictions
from viz.views.prune.presets import in_words
from viz.views.prune.subject import Subject
from viz.views.prune.tokens import tokens
from viz.views.prune.wall import toolbar, wall
from viz.views.working import begin, forget, job_of, still_running

AT_ONCE_S = 0.5  # a small model has answered by then, and no progress need be shown


@dataclass(frozen=True, slots=True)
class Measured:
    """An effect, and the choice that it is of: the visitor's present one, or an earlier one while that is worked out."""

    choice: Choice
    effect: Effect


def effect(subject: Subject) -> Callable[[], None]:
    """Above all views of the page. What it gives back draws what is slow to come, and is to be called after the views."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="prune-controls"):
        toolbar(subject)
        method_choice(subject)
    notices(subject)
    least_important.watch(subject)
    job = _begun(subject)
    left, right = pair("prune-wall", 0.55, 0.45)
    with right:
        shown = _shown(subject, job)
    with left:
        wall(subject, shown.effect.shift if shown and shown.choice == subject.choice else None)
    with right:
        later = _results(subject, shown) if shown else lambda: None
    if shown is not None:
        with left:
            tokens(subject, shown.effect)
        most_changed_head(subject, shown.choice, shown.effect)
    return later


def _results(subject: Subject, shown: Measured) -> Callable[[], None]:
    """Beside the wall; with a place for what random heads cost."""
    numbers(subject, shown.effect)
    place = st.empty()
    predictions(subject, shown.effect)

    def later() -> None:
        with place.container():
            chance(subject, shown.choice, shown.effect)

    return later


def _begun(subject: Subject) -> Job[None] | None:
    """The measuring of what is off, where it is not known yet; small models are done with it when this returns."""
    request, choice = subject.request, subject.choice
    if not subject.off or ablations.is_effect_known(request, choice):
        return None

    def work(progress: Progress) -> None:
        """The result stays in the shared store alone, which is bounded."""
        ablations.effect(request, choice, progress)

    job = job_of(keys.EFFECT_JOB, (request, choice)) or begin(
        keys.EFFECT_JOB, (request, choice), work, CLICKS
    )
    job.wait(AT_ONCE_S)
    return job


def _shown(subject: Subject, job: Job[None] | None) -> Measured | None:
    """What to draw: the present choice's effect, else the one that was shown before."""
    if not subject.off:
        nothing_off(subject)
        return None
    request, choice = subject.request, subject.choice
    if job is not None and still_running(keys.EFFECT_JOB, job):
        return _earlier(request)
    if ablations.is_effect_known(request, choice):  # asked only now: the job may have ended a moment ago
        session.put({keys.SHOWN_EFFECT: (request, choice)})
        return Measured(choice, ablations.effect(request, choice))
    if job is not None:
        _broken_off(subject, job)
    return _earlier(request)


def _broken_off(subject: Subject, job: Job[None]) -> None:
    if job.error is not None:
        obtain.complain(obtain.sentence(job.error, subject.request))
    else:
        st.info("Cancelled.", icon=":material/cancel:")
    st.button("Measure", key="prune-measure", on_click=forget, args=(keys.EFFECT_JOB,), help="Begin anew.")


def _earlier(request: Request) -> Measured | None:
    asked, choice = session.find(keys.SHOWN_EFFECT, (None, None))
    if asked != request or choice is None or not ablations.is_effect_known(request, choice):
        return None
    st.caption(f"Below: what was measured before, with {escaped(in_words(choice.off))} off.")
    return Measured(choice, ablations.effect(request, choice))
