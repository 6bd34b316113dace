"""A model writes a date as ISO 8601, and where it looks for each character."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from torch import Tensor

from models.classic.answering import DateAnswer
from models.classic.date_reading import DateSaid
from viz.components.alignment_player import WrittenCharacter, alignment_player
from viz.services import ancestors
from viz.state import keys, session

END = "</s>"
MEAN = ""


def alignment(name: str, title: str, text: str, said: DateSaid) -> None:
    """Play the model's answer."""
    answer = ancestors.answer(name, text)
    verdict(answer, said)
    centres: Sequence[float | None] = ()
    faint, window = None, None
    if name == "classic-hard":
        faint = ancestors.hard_reading(text).probabilities.numpy()
    if name == "classic-local":
        reading = ancestors.local_reading(text)
        centres, window = reading.centres.tolist(), reading.window
    alignment_player(
        [*text, END],
        written(answer, said, centres),
        _pattern(answer).numpy(),
        key=f"alignment-{name}",
        title=f"What {title} looks at while it writes",
        faint=faint,
        window=window,
    )


def verdict(answer: DateAnswer, said: DateSaid) -> None:
    """What came out, and whether that is what the text says."""
    if answer.written == said.iso:
        st.markdown(f":material/check_circle: **{answer.written}** is what the text says.")
    else:
        st.markdown(
            f":material/error: It writes **{answer.written or 'nothing'}**, but the text says **{said.iso}**."
        )


def written(
    answer: DateAnswer, said: DateSaid, centres: Sequence[float | None] = ()
) -> list[WrittenCharacter]:
    """Each written character with what is known of it, the end mark behind them."""
    characters = [*answer.written, END][: len(answer.probabilities)]
    right = [*said.iso, END]
    return [
        WrittenCharacter(
            character,
            float(answer.probabilities[place]),
            said.origins[place] if place < len(said.origins) else None,
            place < len(right) and character == right[place],
            centres[place] if place < len(centres) else None,
        )
        for place, character in enumerate(characters)
    ]


def _pattern(answer: DateAnswer) -> Tensor:
    """[target, source]; of a model with many heads, one that the visitor chooses."""
    layers, heads = answer.patterns.shape[:2]
    if layers == 0:
        return answer.patterns.new_zeros(answer.patterns.shape[2], 0)
    if layers * heads == 1:
        return answer.patterns[0, 0]
    chosen = _head(layers, heads)
    return answer.patterns[-1].mean(0) if chosen is None else answer.patterns[chosen]


def _head(layers: int, heads: int) -> tuple[int, int] | None:
    known = {MEAN: None} | {
        f"L{layer} H{head}": (layer, head) for layer in range(layers) for head in range(heads)
    }
    if session.get(keys.CROSS_HEAD) not in known:
        session.put({keys.CROSS_HEAD: MEAN})
    st.segmented_control(
        "Head of its cross attention",
        list(known),
        key=keys.CROSS_HEAD,
        required=True,
        format_func=lambda head: head or "mean of the last layer",
        help="Many heads look at several places at once; their mean hides that.",
    )
    return known[session.get(keys.CROSS_HEAD)]
