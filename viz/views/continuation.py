"""What the model would say next, and letting it go on."""

from __future__ import annotations

import streamlit as st

import models
from viz import services, state
from viz.plain import plain
from viz.services import Request
from viz.views.selected_head import Selection

_WRITTEN = "_written"
CANDIDATES = 12


def continuation(request: Request, chosen: Selection) -> None:
    """Next-token candidates on the left, a streamed continuation on the right."""
    left, right = st.columns([0.4, 0.6], gap="medium")
    with left:
        _candidates(chosen.run)
    with right:
        if services.model_of(request).geometry.role == "encoder":
            st.info(
                "An encoder reads both ways and cannot continue a text; choose a decoder or an encoder-decoder."
            )
        else:
            _continue(request)


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
            {"token": [candidate.token for candidate in best], "probability": [c.probability for c in best]},
            hide_index=True,
            column_config={
                "probability": st.column_config.ProgressColumn(
                    format="%.3f", min_value=0.0, max_value=max(c.probability for c in best)
                )
            },
        )


def _continue(request: Request) -> None:
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
            help="0 always takes the likeliest token.",
        )
        seed = st.number_input("Seed", 0, 2**31, 0, key="continue-seed", help="Same seed, same draw.")
    with st.container(horizontal=True):
        go = st.button("Continue", type="primary", key="continue-go", help="Let the model write on.")
        st.button("Stop", key="continue-stop", help="Stop writing; what is written stays.")
    place = st.empty()
    if go:
        _write(request, place, int(count), float(temperature), int(seed))
    written = _written(request)
    if written:
        place.code(written, language=None, wrap_lines=True)
        if st.button(
            "Look at the heads over the longer text",
            key="continue-take",
            on_click=_take,
            args=(request, written),
            help="Put the continuation behind the text and run it.",
        ):
            st.rerun()


def _write(request: Request, place, count: int, temperature: float, seed: int) -> None:
    """Stream into `place`; kept at every step, so that a stop in the middle loses nothing."""
    st.session_state[_WRITTEN] = (request, "")
    try:
        model = services.model_of(request)
        for piece in models.stream(model, request.text, count, temperature, seed):
            st.session_state[_WRITTEN] = (request, st.session_state[_WRITTEN][1] + piece)
            place.code(st.session_state[_WRITTEN][1], language=None, wrap_lines=True)
    except models.HeadlightError as error:
        st.error(plain(error))


def _written(request: Request) -> str:
    key, text = st.session_state.get(_WRITTEN, (None, ""))
    return text if key == request else ""


def _take(request: Request, written: str) -> None:
    if services.model_of(request).geometry.role == "encoder-decoder":
        state.put(**{state.SECOND: written})
    else:
        state.put(**{state.TEXT: request.text + written})
