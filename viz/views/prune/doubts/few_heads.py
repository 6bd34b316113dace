"""“Beyond 12 heads, more rarely help”: what is left of a model with few heads in each layer."""

from __future__ import annotations

from functools import partial

import streamlit as st

from models.pruning.quality import Quantity
from viz.figures.few_heads import few_heads
from viz.figures.layout.config import WITHOUT_BAR
from viz.markdown import escaped
from viz.services import doubts as service
from viz.services import importance
from viz.services.doubts import FewHeads
from viz.services.importance import Evaluation
from viz.state import keys
from viz.views.columns import pair
from viz.views.prune.doubts.claim import LIMIT, WITHIN, allowed, answer, claim, worse
from viz.views.prune.importance.steps import sweep_step
from viz.views.prune.measuring import Step, measuring
from viz.views.prune.subject import Subject

TWELVE = 12


def beyond_twelve(subject: Subject, evaluation: Evaluation) -> None:
    """The claim, and the experiment on a click."""
    claim(
        "Beyond 12 heads, more rarely help",
        "A rule of thumb for how many heads a layer should have, from the time when base models had twelve.",
    )
    steps = [sweep_step(evaluation), few_step(evaluation)]
    measuring(
        keys.FEW_HEADS_JOB, evaluation, steps, partial(_drawn, subject, evaluation), subject.request,
        offer=f"Try it on {escaped(evaluation.loaded.name)}", unasked=False,
    )  # fmt: skip


def few_step(evaluation: Evaluation) -> Step:
    passes = len(service.kept_counts(evaluation)) * (1 + service.DRAWS)
    return Step(
        lambda: service.is_few_heads_known(evaluation),
        lambda progress: _make(evaluation, progress),
        importance.measuring_operations(evaluation, passes + 3),
    )


def _make(evaluation: Evaluation, progress) -> FewHeads:
    total = importance.head_count(evaluation)
    for heads in ((), service.all_but_best(evaluation, min(TWELVE, total))):
        importance.without(evaluation, heads)
    return service.few_heads(evaluation, progress)


def _drawn(subject: Subject, evaluation: Evaluation) -> None:
    if not (service.is_few_heads_known(evaluation) and importance.is_without_known(evaluation, ())):
        return
    found, metric = service.few_heads(evaluation), evaluation.metric
    full = importance.without(evaluation, ())
    left, right = pair("doubt-few", 0.42, 0.58)
    with left:
        answer(finding(found, metric, full))
        total = importance.head_count(evaluation)
        in_all = service.all_but_best(evaluation, min(TWELVE, total))
        if total > TWELVE and importance.is_without_known(evaluation, in_all):
            value = importance.without(evaluation, in_all)
            st.markdown(
                f"Of all {total} heads, the 12 that are missed most alone leave {worse(metric, value, full)}."
            )
        st.caption(
            "Heads were taken from a model that was trained with all of them, and nothing was trained afterwards: a model that "
            "was trained with fewer heads may do better."
        )
    with right:
        figure = few_heads(
            found.kept,
            found.best,
            found.random,
            metric=metric,
            allowed=allowed(metric, full),
            dark=subject.dark,
        )
        st.plotly_chart(
            figure, key="doubt-few", theme=None, config=WITHOUT_BAR,
            alt="How well the model does with few heads in each layer",
        )  # fmt: skip


def finding(found: FewHeads, metric: Quantity, full: float) -> str:
    """The answer, from the numbers alone."""
    widest, most = found.kept[-1], allowed(metric, full)
    values = dict(zip(found.kept, found.best, strict=True))
    enough = next(
        count for count in found.kept if all(values[more] <= most for more in found.kept if more >= count)
    )
    need = (
        f"The best {enough} to a layer are enough for at most {WITHIN[metric]}."
        if enough < widest
        else f"No smaller number stays within {WITHIN[metric]}."
    )
    if widest > TWELVE:
        holds = "holds" if values[TWELVE] <= most else "does not hold"
        return (
            f"with the best 12 of {widest} heads in each layer there is {worse(metric, values[TWELVE], full)}; by a limit of "
            f"{WITHIN[metric]} the claim **{holds}** on this model. {need}"
        )
    if widest == 1:
        return "a layer of this model has one head, so there is nothing to leave out."
    before = found.kept[-2]
    cost = worse(metric, values[before], full)
    helps = "still matters" if values[before] > most else "hardly matters"
    return (
        f"no layer of this model has more than {widest} heads, so the claim **cannot be tried** at 12. What can: with the best "
        f"{before} to a layer there is {cost}, so the last head {helps} (limit {LIMIT:.0%}). {need}"
    )
