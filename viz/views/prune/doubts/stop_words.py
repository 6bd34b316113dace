"""“Some heads only look at stop words”: attention to function words and punctuation, beside chance, and what it is worth."""

from __future__ import annotations

from functools import partial

import streamlit as st

from models.look.function_words import FunctionWordAttention
from viz.figures.against_chance import against_chance
from viz.figures.head_grid import head_grid
from viz.figures.layout.config import WITHOUT_BAR
from viz.heads_off import Head
from viz.markdown import escaped
from viz.services import doubts as service
from viz.services import importance
from viz.services.importance import Evaluation, Where
from viz.state import keys
from viz.views.columns import pair
from viz.views.prune import history
from viz.views.prune.doubts.claim import answer, claim
from viz.views.prune.importance.chance import chance_steps, compared, in_words
from viz.views.prune.importance.heads import RISES, chart
from viz.views.prune.measuring import Step, measuring
from viz.views.prune.subject import Subject
from viz.views.selected_head import head_name

ONLY = 0.9  # of the attention beyond the first token: such a head looks at them alone
LITTLE = 0.1  # attention beyond the first token, below which its share says little
COUNT = 5
PLACES: tuple[Where, ...] = ("layers", "model")


def stop_words(subject: Subject, evaluation: Evaluation) -> None:
    """The claim, and the experiment on a click."""
    claim(
        "Some heads only look at stop words",
        "Said when heads are looked at one by one and many seem to stare at “the”, “of” and commas.",
    )
    steps = [
        Step(
            lambda: service.are_words_known(evaluation),
            lambda progress: service.words(evaluation, progress),
            importance.ranking_operations(evaluation, 2),
        ),
        Step(
            lambda: _is_worth_known(evaluation),
            lambda progress: _worth(evaluation, progress),
            importance.measuring_operations(evaluation, 2 + 2 * importance.CHANCE_DRAWS),
        ),
    ]
    measuring(
        keys.STOP_WORDS_JOB, evaluation, steps, partial(_drawn, subject, evaluation), subject.request,
        offer=f"Try it on {escaped(evaluation.loaded.name)}", unasked=False,
    )  # fmt: skip


def _bound(evaluation: Evaluation) -> tuple[Head, ...]:
    count = min(COUNT, importance.head_count(evaluation) - 1)
    return service.most_bound(service.words(evaluation), max(count, 1))


def _is_worth_known(evaluation: Evaluation) -> bool:
    if not service.are_words_known(evaluation):
        return False
    known = importance.is_without_known(evaluation, ())
    return known and all(step.known() for step in chance_steps(evaluation, _bound(evaluation)))


def _worth(evaluation: Evaluation, progress) -> None:
    """What the heads that are bound most are worth, beside random ones."""
    importance.without(evaluation, (), progress)
    for step in chance_steps(evaluation, _bound(evaluation)):
        step.make(progress)


def _drawn(subject: Subject, evaluation: Evaluation) -> None:
    if not service.are_words_known(evaluation):
        return
    found, bound = service.words(evaluation), _bound(evaluation)
    left, right = pair("doubt-words", 0.42, 0.58)
    with left:
        answer(finding(found, subject.every))
        _cost(subject, evaluation, bound)
        st.button(
            f"Switch these {len(bound)} off on the wall", key="doubt-words-off", on_click=history.put, args=(bound,),
            icon=":material/power_settings_new:", disabled=set(bound) == set(subject.off) and not subject.example,
            help="Those that give function words and punctuation most: " + ", ".join(head_name(*head) for head in bound) + ".",
        )  # fmt: skip
    with right:
        figure = head_grid(
            found.above_chance.numpy(), measure="above chance", unit="of the attention beyond the first token", off=subject.off,
            beside=("share", found.share.numpy()), title="share − chance", dark=subject.dark,
        )  # fmt: skip
        chart(
            figure,
            subject,
            key=keys.STOP_WORDS_GRID,
            alt="Attention to function words above chance, every head",
        )
        count = sum(found.marked)
        st.caption(
            f"Share of each head’s attention on function words (a list of English ones that comes with Headlight) and "
            f"punctuation, {count} of {len(found.marked)} tokens read, less what even attention would give them; the first "
            "token is left out of both. Click a head to switch it off."
        )


def _cost(subject: Subject, evaluation: Evaluation, bound: tuple[Head, ...]) -> None:
    """What switching them off costs, beside random heads."""
    rows = compared(evaluation, f"{len(bound)} most bound", bound, PLACES)
    if not rows:
        return
    measure, unit = RISES[evaluation.metric]
    st.plotly_chart(
        against_chance(rows, quantity=f"{measure}, {unit}", dark=subject.dark), key="doubt-words-cost", theme=None,
        config=WITHOUT_BAR,
        alt="Cost of the heads most bound to function words beside as many random heads",
    )  # fmt: skip
    st.caption(" ".join(in_words(row, unit) for row in rows))


def finding(found: FunctionWordAttention, every: tuple[Head, ...]) -> str:
    """The answer, from the numbers alone."""
    share, chance, beyond = (part.tolist() for part in (found.share, found.chance, found.beyond_first))
    known = [(layer, head) for layer, head in every if share[layer][head] == share[layer][head]]
    if not known:
        return "on this text no head looks anywhere but at the first token."
    layer, head = max(known, key=lambda place: share[place[0]][place[1]])
    only = [
        (row, column) for row, column in known if share[row][column] >= ONLY and beyond[row][column] >= LITTLE
    ]
    below = sum(share[row][column] < chance[row][column] for row, column in known)
    named = (
        ": " + ", ".join(head_name(*place) for place in only[:6]) + (", …" if len(only) > 6 else "")
        if only
        else ""
    )
    verdict = "holds" if only else "does not hold"
    return (
        f"{len(only)} of {len(known)} heads give function words and punctuation {ONLY:.0%} or more of their attention beyond "
        f"the first token{named}; by this limit the claim **{verdict}** on this text. {head_name(layer, head)} gives them "
        f"most, {share[layer][head]:.0%} where chance is {chance[layer][head]:.0%}; {below} heads give them less than chance."
    )
