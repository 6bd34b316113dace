"""Which heads matter, and how many can go: measured on a text that is not the visitor's."""

from __future__ import annotations

from functools import partial

import streamlit as st

from models.pruning.order import ORDERS, Order
from viz.markdown import escaped
from viz.services import importance as service
from viz.services.importance import Evaluation
from viz.state import keys
from viz.views.explain import explain
from viz.views.prune.importance.chance import against_random
from viz.views.prune.importance.curve import curves
from viz.views.prune.importance.downloads import downloads
from viz.views.prune.importance.heads import gradient_refusal, heads
from viz.views.prune.importance.settings import settings
from viz.views.prune.measuring import Step, measuring
from viz.views.prune.subject import Subject

GRADIENT_PASSES = 3  # forward and backward
PASSES_A_HEAD = 0.55  # of a sweep: a head's run begins in its own layer


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


def main_steps(evaluation: Evaluation) -> list[Step]:
    """What is worked out first, in the order in which it is worth seeing."""
    steps = [
        Step(
            lambda: service.is_without_known(evaluation, ()),
            lambda progress: service.without(evaluation, (), progress),
            service.measuring_operations(evaluation, 1),
        ),
        sweep_step(evaluation),
    ]
    with_gradient = not gradient_refusal(evaluation)
    if with_gradient:
        steps.append(
            Step(
                lambda: service.is_gradient_known(evaluation),
                lambda progress: service.gradient(evaluation, progress),
                service.ranking_operations(evaluation, GRADIENT_PASSES),
            )
        )
    shown: list[Order] = [
        order for order in ORDERS if order != "iterative" and (order != "gradient" or with_gradient)
    ]
    return [*steps, *(curve_step(evaluation, order) for order in shown)]


def sweep_step(evaluation: Evaluation) -> Step:
    """Leave-one-out importance."""
    return Step(
        lambda: service.is_importance_known(evaluation),
        lambda progress: service.importance(evaluation, progress),
        service.ranking_operations(evaluation, PASSES_A_HEAD * service.head_count(evaluation) + 2),
    )


def curve_step(evaluation: Evaluation, order: Order) -> Step:
    """One curve, its heads ranked already."""
    passes = float(service.POINTS * (service.DRAWS if order == "random" else 1))
    operations = service.measuring_operations(evaluation, passes)
    if order == "iterative":
        # Of the sweeps' heads half are off already, on average.
        sweeps = service.POINTS * (PASSES_A_HEAD * service.head_count(evaluation) / 2 + 4)
        operations += service.ranking_operations(evaluation, sweeps)
    return Step(
        lambda: service.is_curve_known(evaluation, order),
        lambda progress: service.curve(evaluation, order, progress),
        operations,
    )


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
