"""Both models write on, each taking its likeliest token: where do they part?"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from viz import theme
from viz.figures.token_text import label, visible
from viz.plain import plain
from viz.services import conversions
from viz.views import obtain
from viz.views.convert.made import Made
from viz.views.convert.working import begin, forget, job_of, still_running

NAME = "continuations"
COUNTS = (20, 40, 80, 160)
TAIL = 120  # characters of the text that are shown before what was written


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
        column.html(_written(made.request.text, pieces, parting, made.dark))


def first_difference(first: Sequence[str], second: Sequence[str]) -> int | None:
    """The number of the first token that the two do not share, None where there is none."""
    for place in range(max(len(first), len(second))):
        if first[place : place + 1] != second[place : place + 1]:
            return place
    return None


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


def _written(text: str, pieces: Sequence[str], parting: int | None, dark: bool) -> str:
    """HTML: the end of the text pale, then the tokens; the first that differs marked, what follows it under a thin line."""
    muted = theme.MUTED_DARK if dark else theme.MUTED
    accent = theme.accent(dark)
    start = "…" * (len(text) > TAIL) + text[-TAIL:]
    cut = len(pieces) if parting is None else parting
    shared, marked, rest = pieces[:cut], pieces[cut : cut + 1], pieces[cut + 1 :]
    parts = [f'<span style="color:{muted}">{_shown(start)}</span>', _shown("".join(shared))]
    parts += [f'<mark style="color:inherit;background:none;border:2px solid {accent};border-radius:3px">'
              f"{_shown(piece)}</mark>" for piece in marked]  # fmt: skip
    parts.append(_shown("".join(rest)))
    return f'<div style="white-space:pre-wrap;line-height:1.55;overflow-wrap:anywhere">{"".join(parts)}</div>'


def _shown(text: str) -> str:
    return escape("\n".join(visible(line) for line in text.split("\n")))
