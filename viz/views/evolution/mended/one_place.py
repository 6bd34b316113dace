"""Hard attention reads one annotation in a step where soft attention reads all: what that saves, and what it changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

import models
from models.classic.date_reading import DateSaid
from models.classic.hard_reading import HardReading
from models.classic.reading_cost import ReadingTime, numbers_read
from models.errors import BadCard
from viz.figures.number_text import number_text
from viz.figures.what_it_fixed import reading_times
from viz.services import ancestors, mended
from viz.services.lanes import MEASURING
from viz.views.columns import pair
from viz.views.evolution.mended.parts import draw, verdict, worked_out

HARD = "classic-hard"


def one_place(text: str, said: DateSaid, dark: bool) -> None:
    """Numbers read and the time of reading, by the source's length; the answer of the likeliest places and the expected one."""
    places = len(text) + 1  # and its end mark
    times = worked_out(
        ("reading", places),
        lambda progress: mended.reading_cost(places, progress),
        "timing the reading",
        MEASURING,
    )
    if times is None:
        return
    width: int = ancestors.ancestor(HARD).module.config.hidden_size
    verdict(*reading_reading(times, width))
    left, right = pair("mended-hard", 0.5, 0.5)
    with left:
        st.markdown(
            "**Time of a step’s reading** · *measured*",
            help="Medians of 15 turns on this machine’s processor, on random annotations as wide as the model’s.",
        )
        draw(reading_times(times, dark=dark), "mended-reading", "Time of reading by the source's length")
        st.caption(
            "Where to look is scored at every place either way, so hard attention saves the reading alone. The model here "
            "multiplies by a one and zeros, so that it can be trained and watched as the others are; these times are of "
            "taking the one annotation."
        )
    with right:
        st.markdown("**What is written** · *measured*")
        st.dataframe(
            _answers(ancestors.hard_reading(text), said),
            key="mended-hard-answers",
            hide_index=True,
            column_config={
                "test set": st.column_config.NumberColumn(
                    "dates right", format="%.1f%%", help="Of the 2,000 dates of the common test set."
                )
            },
        )


def reading_reading(times: Sequence[ReadingTime], width: int) -> tuple[bool, str]:
    """Whether one place costs less to read, and the numbers."""
    here, longest = times[0], times[-1]
    told = (
        f"By formula a step reads {numbers_read(width, 1):,} numbers where soft attention reads "
        f"{numbers_read(width, here.places):,} of this text’s {here.places} places. Measured, reading all takes "
        f"{number_text(here.ratio)} times as long as reading one"
    )
    if longest is not here:
        told += f", and {number_text(longest.ratio)} times with {longest.places:,} places"
    return here.ratio > 1, f"{told}."


def _answers(reading: HardReading, said: DateSaid) -> list[dict[str, object]]:
    try:
        figures: Mapping[str, float] = models.task_card(HARD).figures
    except BadCard:
        figures = {}
    right = sum(answer.written == said.iso for answer in reading.drawn)
    return [
        _row("likeliest place", reading.likeliest.written, said, _percent(figures, "exact_match")),
        _row(
            "expected: mean over all",
            reading.expected.written,
            said,
            _percent(figures, "exact_match_expected"),
        ),
        {
            "a step reads": "a place drawn",
            "answer": f"right in {right} of {len(reading.drawn)} draws",
            "test set": _percent(figures, "exact_match_drawn"),
        },
    ]


def _percent(figures: Mapping[str, float], name: str) -> float | None:
    return 100 * figures[name] if name in figures else None


def _row(way: str, answer: str, said: DateSaid, share: float | None) -> dict[str, object]:
    return {
        "a step reads": way,
        "answer": f"{answer} ({'right' if answer == said.iso else 'wrong'})",
        "test set": share,
    }
