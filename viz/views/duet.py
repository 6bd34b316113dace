"""Two continuations of one text, written side by side in the background, and what each of them costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import streamlit as st

from viz.figures.parted_text import first_difference, parted_text
from viz.figures.token_text import label
from viz.plain import plain
from viz.services import Request
from viz.views import obtain
from viz.views.columns import pair
from viz.views.live_strip import LiveStrip, growth, kinds_shown, pace

LOOK_EVERY_S = 0.3
FIRST_LOOK_S = 0.2  # short texts are done by then


@dataclass(slots=True)
class Duet:
    """strip: of the two that write, both after `request`'s text. how: they choose their tokens, in words. stopped: by the
    visitor, before their end."""

    request: Request
    strip: LiveStrip
    how: str = "greedy"
    stopped: bool = False

    @property
    def running(self) -> bool:
        return any(lane.writing.running for lane in self.strip.lanes)

    def stop(self) -> None:
        self.stopped = self.stopped or self.running
        for lane in self.strip.lanes:
            lane.writing.stop()

    @property
    def parting(self) -> int | None:
        """The first token that the two do not share, as far as both are written."""
        one, other = (lane.writing.pieces for lane in self.strip.lanes)
        if self.running or self.stopped:
            both = min(len(one), len(other))
            return first_difference(one[:both], other[:both])
        return first_difference(one, other)


def side_by_side(duet: Duet, name: str, dark: bool) -> None:
    """Both texts as they come, the first difference marked, and the live strip. name: tells the page's duets apart."""
    above = st.container()  # what is asked below it is known before it is drawn
    kinds = kinds_shown(duet.strip, f"{name}-kinds")
    with above:
        duet.strip.lanes[1].writing.wait(FIRST_LOOK_S)
        if duet.running:
            _growing(duet, name, kinds, dark, count())
        else:
            _drawn(duet, name, kinds, dark)


@st.fragment(run_every=LOOK_EVERY_S)
def _growing(duet: Duet, name: str, kinds: list[str], dark: bool, look: Iterator[int]) -> None:
    """Looks again and again, until both are done."""
    done = not duet.running
    _drawn(duet, name, kinds, dark)
    if next(look) and done:  # see viz/views/working.py
        st.rerun()


def _drawn(duet: Duet, name: str, kinds: list[str], dark: bool) -> None:
    parting = duet.parting
    st.markdown(_said(duet, parting))
    before = duet.request.text if duet.strip.lanes[0].model.geometry.role == "decoder" else ""
    for index, column in enumerate(pair(f"{name}-written", 0.5, 0.5)):
        lane = duet.strip.lanes[index]
        with column:
            st.markdown(f"**{plain(lane.label)}**")
            st.html(parted_text(before, lane.writing.pieces, parting, dark))
            if lane.writing.error is not None:
                obtain.complain(obtain.sentence(lane.writing.error, duet.request))
            else:
                pace(duet.strip, index)
    growth(duet.strip, kinds, f"{name}-cache", dark)


def _said(duet: Duet, parting: int | None) -> str:
    one, other = (lane.writing.pieces for lane in duet.strip.lanes)
    how = duet.how + "; stopped before the end" * duet.stopped
    if parting is None:
        shared = min(len(one), len(other))
        if duet.running:
            return f"Writing; {shared} tokens shared so far."
        if duet.stopped:
            return f"Stopped; the {shared} tokens that both have written are the same."
        return f"Both write the same {shared} tokens. *Measured*, {how}."
    first, second = (
        f"**{plain(label(pieces[parting], 24))}**" if parting < len(pieces) else "the end of the text"
        for pieces in (one, other)
    )
    shared = (
        f"They share {parting} token{'s' * (parting > 1)} and part at the next"
        if parting
        else "They part at the first token"
    )
    return f"{shared}: {first} against {second}. *Measured*, {how}."
