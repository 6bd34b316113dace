"""Two texts, written with and without the heads that are off, side by side as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import streamlit as st

import models
from viz.figures.parted_text import first_difference, parted_text
from viz.figures.token_text import label
from viz.plain import plain
from viz.services import Request, ablations
from viz.services.ablations import Choice
from viz.views import obtain
from viz.views.columns import pair
from viz.views.prune.presets import in_words
from viz.views.prune.subject import Subject
from viz.views.writing import Writing

LOOK_EVERY_S = 0.3
FIRST_LOOK_S = 0.2  # short texts are done by then
_WRITTEN = "_prune_written"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a pair of continuations was made from."""

    request: Request
    choice: Choice
    count: int
    temperature: float
    seed: int


class Pen:
    """One continuation in the background, token by token."""

    def __init__(self, write: Callable[[], Iterator[str]]) -> None:
        self.pieces: list[str] = []
        self._write = write
        self.writing = Writing(self._kept)

    def _kept(self) -> Iterator[str]:
        for piece in self._write():
            self.pieces.append(piece)
            yield piece


@dataclass(slots=True)
class Duet:
    """The continuation with all heads, and the one without. stopped: by the visitor, before their end."""

    asked: Asked
    pens: tuple[Pen, Pen]
    stopped: bool = False

    @property
    def running(self) -> bool:
        return any(pen.writing.running for pen in self.pens)

    def stop(self) -> None:
        self.stopped = self.stopped or self.running
        for pen in self.pens:
            pen.writing.stop()

    @property
    def parting(self) -> int | None:
        """The first token that the two do not share, as far as both are written."""
        one, other = (pen.pieces for pen in self.pens)
        if self.running or self.stopped:
            both = min(len(one), len(other))
            return first_difference(one[:both], other[:both])
        return first_difference(one, other)


def continuations(subject: Subject) -> None:
    """How far and how to write, and what was written."""
    if subject.model.geometry.role == "encoder":
        st.info(
            "An encoder reads both ways and cannot continue a text; choose a decoder or an encoder-decoder."
        )
        return
    _controls(subject)
    duet = st.session_state.get(_WRITTEN)
    if duet is None or duet.asked.request != subject.request:
        return
    if duet.asked.choice != _writable(subject.choice):
        st.caption(f"Written before, with {plain(in_words(duet.asked.choice.off))} off.")
    if duet.running:
        duet.pens[1].writing.wait(FIRST_LOOK_S)
        _growing(duet, subject)
    else:
        _drawn(duet, subject)


def _controls(subject: Subject) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        count = st.number_input(
            "New tokens", 1, 512, 40, key="prune-count", width=130, help="How far both go on at most."
        )
        temperature = st.number_input(
            "Temperature", 0.0, 3.0, 0.0, 0.1, key="prune-temperature", width=130,
            help="0 always takes the likeliest token.",
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
    told = (asked.count, asked.temperature, asked.seed)
    whole = Pen(lambda: models.stream(model, request.text, *told))

    def write() -> Iterator[str]:
        off = ablations.heads_off(request, asked.choice)
        return models.stream(model, request.text, *told, heads_off=off)

    st.session_state[_WRITTEN] = Duet(asked, (whole, Pen(write)))


def _stop() -> None:
    duet = st.session_state.get(_WRITTEN)
    if duet is not None:
        duet.stop()


@st.fragment(run_every=LOOK_EVERY_S)
def _growing(duet: Duet, subject: Subject) -> None:
    """Looks again and again, until both are done."""
    _drawn(duet, subject)
    if not duet.running:
        st.rerun()


def _drawn(duet: Duet, subject: Subject) -> None:
    parting = duet.parting
    st.markdown(_said(duet, parting))
    names = ("All heads", f"{in_words(duet.asked.choice.off)} off")
    before = subject.request.text if subject.model.geometry.role == "decoder" else ""
    for column, name, pen in zip(pair("prune-written", 0.5, 0.5), names, duet.pens, strict=True):
        with column:
            st.markdown(f"**{name}**")
            st.html(parted_text(before, list(pen.pieces), parting, subject.dark))
            if pen.writing.error is not None:
                obtain.complain(obtain.sentence(pen.writing.error, duet.asked.request))


def _said(duet: Duet, parting: int | None) -> str:
    how = "greedy" if not duet.asked.temperature else f"temperature {duet.asked.temperature:g}, one seed"
    how += "; stopped before the end" if duet.stopped else ""
    if parting is None:
        count = min(len(pen.pieces) for pen in duet.pens)
        if duet.running:
            return f"Writing; {count} tokens shared so far."
        if duet.stopped:
            return f"Stopped; the {count} tokens that both have written are the same."
        return f"Both write the same {count} tokens. *Measured*, {how}."
    one, other = (
        f"**{plain(label(pen.pieces[parting], 24))}**" if parting < len(pen.pieces) else "the end of the text"
        for pen in duet.pens
    )
    shared = (
        f"They share {parting} tokens and part at the next" if parting else "They part at the first token"
    )
    return f"{shared}: {one} against {other}. *Measured*, {how}."
