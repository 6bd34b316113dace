"""What the model would say next, and letting it go on."""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st

import models
from viz import services
from viz.components.live_text import live_text
from viz.figures.token_text import label
from viz.services import Request
from viz.services.writing import Heard
from viz.state import keys, session
from viz.views import obtain
from viz.views.live_strip import LiveStrip, growth, kinds_shown, live_strip, pace
from viz.views.reading_notes import probabilities_note
from viz.views.selected_head import Selection

TOKEN_PX = 130  # of its column; a longer token is read by a double click
CANDIDATES = 12
LABEL_WIDTH = 24
FIRST_LOOK_S = 0.2  # short texts are done by then


def continuation(request: Request, chosen: Selection) -> None:
    """Next-token candidates on the left, a streamed continuation on the right."""
    left, right = st.columns([0.4, 0.6], gap="medium")
    with left:
        _candidates(chosen.run)
        if chosen.run.places:
            probabilities_note(services.model_of(request))
    with right:
        if services.model_of(request).geometry.role == "encoder":
            st.info(
                "An encoder reads both ways and cannot continue a text; choose a decoder or an encoder-decoder."
            )
        else:
            _continue(request, chosen.dark)


def _candidates(run: models.Capture) -> None:
    if not run.places:
        st.info(
            "No words are predicted here: a masked model predicts at its mask token (put [MASK] or <mask> into the "
            "text), and an embedding model predicts none."
        )
        return
    for place, pos in enumerate(run.places):
        st.markdown("**Next token**" if pos == len(run.tokens) - 1 else f"**Candidates for position {pos}**")
        best = run.top_next(CANDIDATES, place)
        st.dataframe(
            {
                "token": [label(candidate.token, LABEL_WIDTH) for candidate in best],
                "probability": [candidate.probability for candidate in best],
            },
            hide_index=True,
            column_config={
                "token": st.column_config.TextColumn(width=TOKEN_PX),
                "probability": st.column_config.ProgressColumn(
                    format="%.3f", min_value=0.0, max_value=max(c.probability for c in best)
                ),
            },
        )


def _continue(request: Request, dark: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        count = st.number_input(
            "New tokens", 1, 512, 40, key="continue-count", help="How far to go on at most."
        )
        temperature = st.number_input(
            "Temperature",
            0.0,
            3.0,
            0.0,
            0.1,
            key="continue-temperature",
            help="0 always takes the likeliest token. Above it tokens are drawn, among those that the model's own settings "
            "leave (top_k, top_p), as transformers does.",
        )
        seed = st.number_input("Seed", 0, 2**31, 0, key="continue-seed", help="Same seed, same draw.")
    with st.container(horizontal=True):
        st.button(
            "Continue",
            type="primary",
            key="continue-go",
            help="Let the model write on.",
            on_click=_start,
            args=(request, int(count), float(temperature), int(seed)),
        )
        st.button("Stop", key="continue-stop", help="Stop writing; what is written stays.", on_click=_stop)
    asked, strip = session.find(keys.CONTINUATION, (None, None))
    if strip is None or asked != request:
        return
    above = st.container()  # what is asked below it is known before it is drawn
    kinds = kinds_shown(strip, key="continue-kinds")
    with above:
        writing = strip.lanes[0].writing
        revision = writing.revision  # first: what comes later is drawn later
        writing.wait(FIRST_LOOK_S)
        if writing.running:
            _growing(strip, revision, kinds, dark)
        else:
            _written(request, strip, kinds, dark)


def _start(request: Request, count: int, temperature: float, seed: int) -> None:
    _stop()

    model = services.model_of(request)

    def write(heard: Heard) -> Iterator[str]:
        return models.stream(model, request.text, count, temperature, seed, heard=heard)

    strip = live_strip([(model.name, model, write)], request.text, count)
    session.put({keys.CONTINUATION: (request, strip)})


def _stop() -> None:
    _, strip = session.find(keys.CONTINUATION, (None, None))
    if strip is not None:
        strip.lanes[0].writing.cancel()


def _growing(strip: LiveStrip, revision: int, kinds: list[str], dark: bool) -> None:
    live_text([("", strip.lanes[0].writing)], key="continue-live", revision=revision)
    _cost(strip, kinds, dark)


def _cost(strip: LiveStrip, kinds: list[str], dark: bool) -> None:
    pace(strip, 0)
    growth(strip, kinds, key="continue-cache", dark=dark)


def _written(request: Request, strip: LiveStrip, kinds: list[str], dark: bool) -> None:
    writing = strip.lanes[0].writing
    if writing.error is not None:
        obtain.complain(obtain.sentence(writing.error, request))
    if not writing.text:
        st.caption("Nothing was written: the model holds that the text ends here, or was stopped at once.")
        return
    st.code(writing.text, language=None, wrap_lines=True)
    if st.button(
        "Look at the heads over the longer text",
        key="continue-take",
        on_click=_take,
        args=(request, writing.text),
        help="Put the continuation behind the text and run it.",
    ):
        st.rerun()
    _cost(strip, kinds, dark)


def _take(request: Request, written: str) -> None:
    if services.model_of(request).geometry.role == "encoder-decoder":
        session.put({keys.SECOND: written})
    else:
        session.put({keys.TEXT: request.text + written})
