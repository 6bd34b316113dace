"""Heads removed for real: what that will do, doing it, and what it saves."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from viz.services import removal_race, removals
from viz.services.lanes import MEASURING
from viz.services.removals import Removal, removal_of
from viz.state import keys, session
from viz.views.columns import pair
from viz.views.explain import explain
from viz.views.obtain import complain, sentence
from viz.views.prune.measuring import Step, measuring
from viz.views.prune.presets import in_words
from viz.views.prune.removal.forecast import offers, sizes, speed_at_best
from viz.views.prune.removal.results import results
from viz.views.prune.removal.use_elsewhere import use_elsewhere
from viz.views.prune.subject import Subject


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
    except Exception as error:  # any model may be asked for
        complain(sentence(error, subject.request))
        return
    st.markdown(
        f"#### Remove {in_words(subject.off)}",
        help="A gate sets a head's output to zero and computes it all the same. Here the rows and columns of these heads are "
        "taken out of the matrices: the smaller model computes what the gated one computes.",
    )
    left, right = pair("removal-before", 0.55, 0.45)
    with left:
        sizes(wanted)
    with right:
        speed_at_best(wanted)
        offers(subject, wanted)
    _removed(subject, wanted)
    explain("Remove for real")


def _removed(subject: Subject, wanted: Removal) -> None:
    """The button, then how far the work is, then what came of it; partial results while it goes on."""
    if subject.choice.method != "zero":
        st.caption(
            "A removed head writes nothing, as one replaced by zeros does. Above something else stands for the heads, so the "
            "numbers there are not those of the smaller model."
        )
    request, batches = subject.request, (1, removal_race.larger_batch(wanted))
    heads, take = len(subject.off), session.find(keys.REMOVAL_TAKES, {}).get(wanted, 0)
    done = measuring(
        keys.REMOVAL_JOB, (wanted, request, take), _steps(subject, wanted, batches, take),
        lambda: results(wanted, request, batches, take, dark=subject.dark), request,
        offer="Measure again" if take else f"Remove {heads} head{'s' * (heads != 1)} for real", unasked=take > 0,
        lane=MEASURING,
    )  # fmt: skip
    if done:
        st.button(
            "Measure again", key="removal-again", on_click=_again, args=(wanted,), icon=":material/replay:",
            help="What was measured stays in view until it is done. Worth it where the machine was busy.",
        )  # fmt: skip
    if done or removals.is_compared(wanted, request):
        use_elsewhere(wanted)


def _again(wanted: Removal) -> None:
    takes = session.find(keys.REMOVAL_TAKES, {})
    session.put({keys.REMOVAL_TAKES: {wanted: takes.get(wanted, 0) + 1}})


def _steps(subject: Subject, wanted: Removal, batches: Sequence[int], take: int) -> list[Step]:
    def run(batch: int) -> Step:
        return Step(
            lambda: removal_race.is_run(wanted, batch, take),
            lambda progress: removal_race.race(wanted, batch, take, progress),
            removal_race.operations(wanted, batch),
        )

    request, tokens = subject.request, len(subject.run.tokens)
    compare = Step(
        lambda: removals.is_compared(wanted, request),
        lambda progress: removals.sameness(wanted, request, progress),
        2 * removals.reading(wanted, tokens).before,
    )
    return [compare, *map(run, batches)]
