"""Length breaks the bottleneck: one date with more and more words around it, without attention and with soft attention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple

import streamlit as st

import models
from models.classic.card import TaskCard
from models.classic.date_reading import DateSaid
from models.classic.lengthening import ReadByLength
from models.errors import BadCard
from viz.figures.ancestors import Line, accuracy_by_length
from viz.services import mended
from viz.services.lanes import EXTRAS
from viz.views.columns import pair
from viz.views.evolution.cards import length_lines
from viz.views.evolution.mended.parts import draw, verdict, worked_out

NONE, SOFT = mended.BY_LENGTH
LEAST_GAIN = 6  # draws: a fair coin would give six of six to one side once in 32 times


def length(text: str, said: DateSaid, dark: bool) -> None:
    """Read right by length, on the visitor's date and on the common test set."""
    found = worked_out(
        ("length", text),
        lambda progress: mended.by_length(text, said, progress),
        "reading longer texts",
        EXTRAS,
    )
    if found is None:
        return
    verdict(*length_reading(found))
    left, right = pair("mended-length", 0.5, 0.5)
    with left:
        st.markdown(
            "**Your date with words around it** · *measured*",
            help="The date alone, then 30 draws of phrases around it for each length, the same for both models.",
        )
        draw(accuracy_by_length(_lines(found), dark=dark), "mended-length", "Read right by length, your date")
    with right:
        st.markdown(
            "**The common test set** · *measured*",
            help="2,000 dates of days that no model saw, each read once: what the models' cards say.",
        )
        cards = _cards()
        if cards:
            draw(
                accuracy_by_length(
                    length_lines({name: card.by_length for name, card in cards.items()}), dark=dark
                ),
                "mended-length-set",
                "Read right by length",
            )
    first = found[NONE].first_wrong
    if first is not None:
        st.caption(
            f"The shortest that is read wrong without attention: “{first.text}”, written as “{first.written}”. *measured*"
        )


def length_reading(found: Mapping[str, ReadByLength]) -> tuple[bool, str]:
    """Whether the longest texts break the model without attention alone, and the numbers."""
    none, soft = found[NONE].bands, found[SOFT].bands
    longest, texts = none[-1].longest, none[-1].texts
    counts = (
        f"Of {texts} draw{'s' * (texts > 1)} of up to {longest} characters the model without attention reads "
        f"{none[-1].right} right, soft attention {soft[-1].right}"
    )
    alone = (
        f"; of the date alone ({none[0].longest} characters) it is "
        f"{'right' if none[0].right else 'wrong'} without attention and {'right' if soft[0].right else 'wrong'} with it."
    )
    gain = soft[-1].right - none[-1].right
    if gain < LEAST_GAIN:
        why = "No gain from attention shows" if gain <= 0 else "So small a gain could be chance"
        return False, f"{counts}{alone} {why}."
    if not none[0].right:
        return (
            False,
            f"{counts}{alone} Attention gains, but it is not length that breaks the other: it fails on the date alone.",
        )
    return True, counts + alone


def _lines(found: Mapping[str, ReadByLength]) -> list[Line]:
    return length_lines({name: [astuple(band) for band in each.bands] for name, each in found.items()})


def _cards() -> dict[str, TaskCard]:
    """Those that are there; what is missing is said."""
    cards: dict[str, TaskCard] = {}
    for name in mended.BY_LENGTH:
        try:
            cards[name] = models.task_card(name)
        except BadCard:
            st.info(f"No card lies beside the weights of {name}.", icon=":material/info:")
    return cards
