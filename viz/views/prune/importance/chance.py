"""The visitor's heads and the least important ones, beside as many heads drawn at random."""

from __future__ import annotations

from functools import partial
from statistics import median

import streamlit as st

from viz.figures.against_chance import Compared, against_chance
from viz.figures.layout.config import WITHOUT_BAR
from viz.heads_off import Head
from viz.services import importance as service
from viz.services.importance import CHANCE_DRAWS, Evaluation, Where
from viz.state import keys
from viz.views.prune.importance.heads import RISES, asked_count, least_of
from viz.views.prune.measuring import Step, measuring
from viz.views.prune.subject import Subject

PLACES: dict[Where, str] = {"layers": "same layers", "model": "whole model"}


def against_random(subject: Subject, evaluation: Evaluation) -> None:
    """Measured again whenever another choice is made; what was measured before is kept."""
    sets = chosen_sets(subject, evaluation)
    st.markdown(
        "#### Compared with chance",
        help=f"A set of heads, and {CHANCE_DRAWS} draws of as many random heads: of the same layers (as many of each), or of "
        "the whole model. What lies among the rings is no better than chance.",
    )
    steps = [step for heads in sets.values() for step in chance_steps(evaluation, heads)]
    measuring(
        keys.AGAINST_RANDOM_JOB, (evaluation, tuple(sets.values())), steps,
        partial(_drawn, subject, evaluation, sets), subject.request, offer="Compare with random heads",
    )  # fmt: skip


def chosen_sets(subject: Subject, evaluation: Evaluation) -> dict[str, tuple[Head, ...]]:
    """By name: the least important ones, and what the visitor has off."""
    least = least_of(service.importance(evaluation), subject, asked_count(subject))
    sets = {f"{len(least)} least important": least}
    if subject.off and len(subject.off) < len(subject.every) and set(subject.off) != set(least):
        sets["the example’s" if subject.example else f"your {len(subject.off)}"] = tuple(sorted(subject.off))
    return sets


def chance_steps(evaluation: Evaluation, heads: tuple[Head, ...]) -> list[Step]:
    """Without these heads, and without random ones."""

    def of(where: Where) -> Step:
        return Step(
            lambda: service.is_chance_known(evaluation, heads, where),
            lambda progress: service.chance(evaluation, heads, where, progress),
            service.measuring_operations(evaluation, CHANCE_DRAWS),
        )

    own = Step(
        lambda: service.is_without_known(evaluation, heads),
        lambda progress: service.without(evaluation, heads, progress),
        service.measuring_operations(evaluation, 1),
    )
    return [own, of("layers"), of("model")]


def compared(
    evaluation: Evaluation, name: str, heads: tuple[Head, ...], places: tuple[Where, ...]
) -> list[Compared]:
    """Rows of the figure, as far as they are measured: how much worse the model gets."""
    if not (service.is_without_known(evaluation, heads) and service.is_without_known(evaluation, ())):
        return []
    before = service.without(evaluation, ())
    cost = service.without(evaluation, heads) - before
    return [
        Compared(
            f"{name}, {PLACES[where]}", cost,
            tuple(one - before for one in service.chance(evaluation, heads, where)),
        )
        for where in places
        if service.is_chance_known(evaluation, heads, where)
    ]  # fmt: skip


def _drawn(subject: Subject, evaluation: Evaluation, sets: dict[str, tuple[Head, ...]]) -> None:
    places: tuple[Where, ...] = ("layers", "model")
    rows = [row for name, heads in sets.items() for row in compared(evaluation, name, heads, places)]
    if not rows:
        return
    measure, unit = RISES[evaluation.metric]
    figure = against_chance(rows, quantity=f"{measure}, {unit}", dark=subject.dark)
    st.plotly_chart(
        figure, key="importance-chance", theme=None, config=WITHOUT_BAR,
        alt="Cost of chosen heads beside as many random heads",
    )  # fmt: skip
    st.caption(" ".join(in_words(row, unit) for row in rows))


def in_words(row: Compared, unit: str) -> str:
    """One row as a sentence."""
    low, high = min(row.random), max(row.random)
    below = sum(row.cost < one for one in row.random)
    return (
        f"{row.name[0].upper()}{row.name[1:]}: **{row.cost:+.3g}** {unit}, random {median(row.random):+.3g} "
        f"({low:+.3g} to {high:+.3g}); cheaper than {below} of {len(row.random)} draws."
    )
