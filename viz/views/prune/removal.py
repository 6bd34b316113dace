"""Heads removed for real: what that will do, doing it, and what it saves."""

from __future__ import annotations

import streamlit as st

import models
from viz.services import Request, removal_race, removals
from viz.services.removals import Removal, removal_of
from viz.views.explain import explain
from viz.views.family.grid import pair
from viz.views.obtain import complain
from viz.views.prune.measuring import Step, measuring
from viz.views.prune.presets import in_words
from viz.views.prune.removal_before import before, foretold, offers
from viz.views.prune.removal_results import results
from viz.views.prune.removal_use import use
from viz.views.prune.subject import Subject

NAME = "prune-removal"


def removal(subject: Subject) -> None:
    """One view of the page Prune."""
    if subject.refusal:
        complain(subject.refusal)
        return
    if not subject.off:
        st.info(
            "All heads are on. Switch some off on the wall, and see here what removing them would save.",
            icon=":material/content_cut:",
        )
        return
    wanted = removal_of(subject.request, subject.stack, subject.off)
    try:
        removals.cost(wanted)
    except models.HeadlightError as error:
        complain(str(error))
        return
    st.markdown(
        f"#### Remove {in_words(subject.off)}",
        help="A gate sets a head's output to zero and computes it all the same. Here the rows and columns of these heads are "
        "taken out of the matrices: the smaller model computes what the gated one computes.",
    )
    left, right = pair("removal-before", 0.55, 0.45)
    with left:
        before(wanted)
    with right:
        foretold(wanted)
        offers(subject, wanted)
    _made(subject, wanted)
    explain("Remove for real")


def _made(subject: Subject, wanted: Removal) -> None:
    """The button, then how far the work is, then what came of it; partial results while it goes on."""
    if subject.choice.method != "zero":
        st.caption(
            "A removed head writes nothing, as one replaced by zeros does. Above something else stands for the heads, so the "
            "numbers there are not those of the smaller model."
        )
    request, larger = subject.request, removal_race.larger_batch(wanted)
    heads = len(subject.off)
    done = measuring(
        NAME, (wanted, request), _steps(wanted, request, len(subject.run.tokens), larger),
        lambda: results(wanted, request, (1, larger), dark=subject.dark), request,
        offer=f"Remove {heads} head{'s' * (heads != 1)} for real", unasked=False,
    )  # fmt: skip
    if done or removals.is_compared(wanted, request):
        use(wanted)


def _steps(wanted: Removal, request: Request, tokens: int, larger: int) -> list[Step]:
    def run(batch: int) -> Step:
        return Step(
            lambda: removal_race.is_run(wanted, batch),
            lambda progress: removal_race.race(wanted, batch, progress),
            removal_race.operations(wanted, batch),
        )

    compare = Step(
        lambda: removals.is_compared(wanted, request),
        lambda progress: removals.sameness(wanted, request, progress),
        2 * removals.reading(wanted, tokens).before,
    )
    return [compare, run(1), run(larger)]
