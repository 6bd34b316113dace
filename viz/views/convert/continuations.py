"""Both models write on, each taking its likeliest token: where do they part?"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from viz.figures.parted_text import first_difference, parted_text
from viz.figures.token_text import label
from viz.plain import plain
from viz.services import conversions
from viz.views import obtain
from viz.views.convert.made import Made
from viz.views.working import begin, forget, job_of, still_running

NAME = "continuations"
COUNTS = (20, 40, 80, 160)


def continuations(made: Made) -> None:
    """Side by side, the first differing token marked."""
    count = st.segmented_control(
        "New tokens",
        COUNTS,
        default=COUNTS[1],
        required=True,
        key="convert-count",
        help="How far both go on at most.",
    )
    key = (made.conversion, made.request, count)
    if not conversions.has_continuations(*key):
        job = job_of(NAME, key) or begin(
            NAME, key, lambda progress: conversions.continuations(*key, progress)
        )
        if still_running(NAME, job):
            return
        if job.cancelled or job.error is not None:
            if job.error is not None:
                obtain.complain(obtain.sentence(job.error, made.request))
            st.button("Write on", key="convert-write", on_click=forget, args=(NAME,))
            return
    before, after = conversions.continuations(*key)
    parting = first_difference(before, after)
    _say(before, after, parting)
    for column, name, pieces in zip(
        st.columns(2, gap="medium"), (made.original.name, made.converted.name), (before, after), strict=True
    ):
        column.markdown(f"**{plain(name)}**")
        column.html(parted_text(made.request.text, pieces, parting, made.dark))


def _say(before: Sequence[str], after: Sequence[str], parting: int | None) -> None:
    if parting is None:
        st.markdown(f"Both write the same {len(before)} tokens.")
        return
    one, other = (
        f"**{plain(label(pieces[parting], 24))}**" if parting < len(pieces) else "the end of the text"
        for pieces in (before, after)
    )
    shared = (
        "They part at the first token"
        if parting == 0
        else f"They share {parting} tokens and part at the next"
    )
    st.markdown(f"{shared}: {one} against {other}. *Measured*, greedy.")
