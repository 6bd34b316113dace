"""Two texts, written with and without the heads that are off, side by side as they come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import streamlit as st

import models
from viz.markdown import escaped
from viz.services import Request, ablations
from viz.services.ablations import Choice
from viz.services.writing import Heard
from viz.state import keys, session
from viz.views.duet import Duet, side_by_side
from viz.views.live_strip import live_strip
from viz.views.prune.presets import in_words
from viz.views.prune.subject import Subject


@dataclass(frozen=True, slots=True)
class Asked:
    """What a pair of continuations was made from."""

    request: Request
    choice: Choice
    count: int
    temperature: float
    seed: int


def continuations(subject: Subject) -> None:
    """How far and how to write, and what was written."""
    if subject.model.geometry.role == "encoder":
        st.info(
            "An encoder reads both ways and cannot continue a text; choose a decoder or an encoder-decoder."
        )
        return
    _controls(subject)
    asked, duet = session.find(keys.PRUNE_DUET, (None, None))
    if duet is None or asked.request != subject.request:
        return
    if asked.choice != _writable(subject.choice):
        st.caption(f"Written before, with {escaped(in_words(asked.choice.off))} off.")
    side_by_side(duet, "prune", subject.dark)


def _controls(subject: Subject) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        count = st.number_input(
            "New tokens", 1, 512, 40, key="prune-count", width=130, help="How far both go on at most."
        )
        temperature = st.number_input(
            "Temperature", 0.0, 3.0, 0.0, 0.1, key="prune-temperature", width=130,
            help="0 always takes the likeliest token. Above it tokens are drawn, among those that the model's own settings "
            "leave (top_k, top_p), as transformers does.",
        )  # fmt: skip
        seed = st.number_input(
            "Seed", 0, 2**31, 0, key="prune-seed", width=130, help="Both draw with the same seed."
        )
        asked = Asked(subject.request, _writable(subject.choice), int(count), float(temperature), int(seed))
        st.button(
            "Write on, with and without", key="prune-write", type="primary", on_click=_start, args=(subject, asked),
            disabled=not subject.off, width="content",
            help="Let the model write on twice: with all heads, and without those that are off.",
        )  # fmt: skip
        st.button("Stop", key="prune-stop", help="Stop writing; what is written stays.", on_click=_stop)
    if not subject.off and not subject.refusal:
        st.caption("All heads are on: switch one off to see what the model writes without it.")
    if subject.choice.method == "resample":
        st.caption(
            "Outputs on another text end where it ends, so here zeros stand for the heads that are off."
        )


def _writable(choice: Choice) -> Choice:
    return replace(choice, method="zero") if choice.method == "resample" else choice


def _start(subject: Subject, asked: Asked) -> None:
    _stop()
    model, request = subject.model, asked.request
    options = (asked.count, asked.temperature, asked.seed)

    def whole(heard: Heard) -> Iterator[str]:
        return models.stream(model, request.text, *options, heard=heard)

    def without(heard: Heard) -> Iterator[str]:
        off = ablations.heads_off(request, asked.choice)
        return models.stream(model, request.text, *options, heads_off=off, heard=heard)

    writers = [("All heads", model, whole), (f"{in_words(asked.choice.off)} off", model, without)]
    how = "greedy" if not asked.temperature else f"temperature {asked.temperature:g}, one seed"
    duet = Duet(request, live_strip(writers, request.text, asked.count), how)
    session.put({keys.PRUNE_DUET: (asked, duet)})


def _stop() -> None:
    _, duet = session.find(keys.PRUNE_DUET, (None, None))
    if duet is not None:
        duet.stop()
