"""Which heads matter, and how many can go: measured on a text that is not the visitor's."""

from __future__ import annotations

from functools import partial

import streamlit as st

from viz.markdown import escaped
from viz.services import importance as service
from viz.services.importance import Evaluation
from viz.state import keys
from viz.views.explain import explain
from viz.views.prune.importance.chance import against_random
from viz.views.prune.importance.curve import curves
from viz.views.prune.importance.downloads import downloads
from viz.views.prune.importance.heads import heads
from viz.views.prune.importance.settings import settings
from viz.views.prune.importance.steps import curve_step, main_steps
from viz.views.prune.measuring import measuring
from viz.views.prune.subject import Subject


def importance(subject: Subject) -> None:
    """One view of the page Prune."""
    if subject.refusal:
        st.info(escaped(subject.refusal), icon=":material/info:")
        return
    evaluation = settings(subject)
    steps = main_steps(evaluation)
    done = measuring(
        keys.IMPORTANCE_JOB, evaluation, steps, partial(_drawn, subject, evaluation), subject.request,
        offer="Measure what heads are worth",
    )  # fmt: skip
    if done:
        in_curve = service.is_without_known(evaluation, subject.off)
        _greedy(subject, evaluation)
        against_random(subject, evaluation)
        if not in_curve and service.is_without_known(evaluation, subject.off):
            st.rerun()  # it was quick: the visitor's own point belongs into the curve above
        downloads(subject, evaluation)
    explain("Importance")


def _drawn(subject: Subject, evaluation: Evaluation) -> None:
    """What is there so far."""
    heads(subject, evaluation)
    curves(subject, evaluation)


def _greedy(subject: Subject, evaluation: Evaluation) -> None:
    """The order that is costly to find, when it is asked for."""
    known = service.is_curve_known(evaluation, "iterative")

    def nothing() -> None:
        """The curve stands in the figure above once it is there."""

    if not known and measuring(
        keys.GREEDY_JOB, evaluation, [curve_step(evaluation, "iterative")], nothing, subject.request,
        offer="Measure the greedy order too", unasked=False,
    ):  # fmt: skip
        st.rerun()
