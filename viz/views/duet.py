"""Two continuations of one text, written side by side in the background, and what each of them costs."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from viz.components.live_text import live_text
from viz.figures.parted_text import first_difference, parted_text
from viz.figures.token_text import label
from viz.markdown import escaped
from viz.services import Request
from viz.views import obtain
from viz.views.columns import pair
from viz.views.live_strip import LiveStrip, growth, kinds_shown, pace

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
            lane.writing.cancel()

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
    kinds = kinds_shown(duet.strip, key=f"duet-kinds-{name}")
    with above:
        revision = sum(
            lane.writing.revision for lane in duet.strip.lanes
        )  # first: what comes later is drawn later
        duet.strip.lanes[1].writing.wait(FIRST_LOOK_S)
        parting = duet.parting
        st.markdown(_where_they_part(duet, parting))
        if duet.running:
            writings = [(lane.label, lane.writing) for lane in duet.strip.lanes]
            live_text(writings, key=f"duet-live-{name}", revision=revision, before=_before(duet))
        else:
            _written(duet, name, parting, dark)
        for index, column in enumerate(pair(f"{name}-pace", 0.5, 0.5)):
            with column:
                pace(duet.strip, index)
        growth(duet.strip, kinds, key=f"duet-cache-{name}", dark=dark)


def _before(duet: Duet) -> str:
    """What is shown before the texts."""
    return duet.request.text if duet.strip.lanes[0].geometry.role == "decoder" else ""


def _written(duet: Duet, name: str, parting: int | None, dark: bool) -> None:
    for lane, column in zip(duet.strip.lanes, pair(f"{name}-written", 0.5, 0.5), strict=True):
        with column:
            st.markdown(f"**{escaped(lane.label)}**")
            st.html(parted_text(_before(duet), lane.writing.pieces, parting, dark))
            if lane.writing.error is not None:
                obtain.complain(obtain.sentence(lane.writing.error, duet.request))


def _where_they_part(duet: Duet, parting: int | None) -> str:
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
        f"**{escaped(label(pieces[parting], 24))}**" if parting < len(pieces) else "the end of the text"
        for pieces in (one, other)
    )
    shared = (
        f"They share {parting} token{'s' * (parting > 1)} and part at the next"
        if parting
        else "They part at the first token"
    )
    return f"{shared}: {first} against {second}. *Measured*, {how}."
