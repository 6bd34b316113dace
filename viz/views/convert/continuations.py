"""Both models write on, each taking its likeliest token: where do they part?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import streamlit as st

import models
from viz.services import Request
from viz.services.writing import Heard
from viz.state import keys, session
from viz.views.convert.conversion_in_view import ConversionInView
from viz.views.duet import Duet, side_by_side
from viz.views.live_strip import live_strip

COUNTS = (20, 40, 80, 160)


def continuations(in_view: ConversionInView) -> None:
    """Side by side, the first differing token marked."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        count = st.segmented_control(
            "New tokens", COUNTS, default=COUNTS[1], required=True, key="convert-count", help="How far both go on at most."
        )  # fmt: skip
        st.button("Stop", key="convert-stop", help="Stop writing; what is written stays.", on_click=_stop)
        st.button("Write again", key="convert-write", help="From the beginning.", on_click=_forget)
    asked = (in_view.conversion, in_view.request, count)
    if _written()[0] != asked:
        _stop()
        session.put({keys.CONVERT_DUET: (asked, _begun(in_view, count))})
    side_by_side(_written()[1], "convert", in_view.dark)


def _begun(in_view: ConversionInView, count: int) -> Duet:
    writers = [
        (model.name, model, _writer(model, in_view.request, count))
        for model in (in_view.original, in_view.converted)
    ]
    return Duet(in_view.request, live_strip(writers, in_view.request.text, count))


def _writer(model: models.AttentionModel, request: Request, count: int) -> Callable[[Heard], Iterator[str]]:
    return lambda heard: models.stream(model, request.text, count, heard=heard)


def _written() -> tuple[object, Duet]:
    return session.find(keys.CONVERT_DUET, (None, None))


def _forget() -> None:
    _stop()
    session.forget(keys.CONVERT_DUET)


def _stop() -> None:
    duet = _written()[1]
    if duet is not None:
        duet.stop()
