"""Facts that must be chained: what each hop of the memory network adds to the answer, and what is lost without it."""

from __future__ import annotations

import streamlit as st

from models.classic.hops_in_turn import HopsInTurn
from viz.figures.number_text import number_text
from viz.figures.what_it_fixed import Probability, probabilities
from viz.services import mended
from viz.views.columns import pair
from viz.views.evolution.mended.parts import draw, verdict, worked_out
from viz.views.evolution.story import story_text

NEEDED = 0.05  # of probability: what a hop takes away with it that is said to be needed


def hops(dark: bool) -> None:
    """The probability of the right word after each hop, and with each hop off, on the visitor's story."""
    text = story_text()
    if text is None:
        return
    found = worked_out(("hops", text), lambda progress: mended.hops(text, progress), "reading the story")
    if found is None:
        return
    verdict(*hops_reading(found))
    whole = found.after[-1], f"all hops: {number_text(found.after[-1])}"
    left, right = pair("mended-hops", 0.5, 0.5)
    with left:
        st.markdown(
            f"**“{found.word}” after each hop** · *measured*",
            help="Read off the state by the weights of the answer, which were trained for the last state alone.",
        )
        names = ["question", *(f"hop {hop + 1}" for hop in range(len(found.without)))]
        after = [Probability(name, value) for name, value in zip(names, found.after, strict=True)]
        draw(probabilities(after, title="probability", dark=dark), "mended-hops-after", "After each hop")
    with right:
        st.markdown(
            f"**“{found.word}” with one hop off** · *measured*",
            help="Nothing of what that hop reads is added to the state; the others run as before.",
        )
        off = [
            Probability(f"without hop {hop + 1}", value, f"it then answers {found.answers[hop]}", off=True)
            for hop, value in enumerate(found.without)
        ]
        draw(
            probabilities(off, title="probability", whole=whole, dark=dark),
            "mended-hops-off",
            "With a hop off",
        )


def hops_reading(found: HopsInTurn) -> tuple[bool, str]:
    """Whether the right word hangs on more than one reading, and the numbers."""
    told = f"The answer is **{found.reading.answer}**, with probability {number_text(float(found.reading.answers[-1].max()))}"
    if found.right is None:
        told += "; what is right does not follow from the story by the rules of the four tasks. "
    else:
        told += (
            ", which is right. " if found.is_right else f", but **{found.right}** follows from the story. "
        )
    once, last = found.after[1], found.after[-1]
    needed = sum(last - value > NEEDED for value in found.without)
    told += (
        f"“{found.word}” has probability {number_text(once)} after one reading and {number_text(last)} after "
        f"{len(found.without)}. "
    )
    least = min(range(len(found.without)), key=lambda hop: found.without[hop])
    told += (
        f"Most hangs on hop {least + 1}: without it the probability is {number_text(found.without[least])} and the answer "
        f"{found.answers[least]}."
    )
    told += (
        f" {needed} of {len(found.without)} hops, each switched off alone, lower it by more than {NEEDED}."
    )
    return found.is_right and needed > 1, told
