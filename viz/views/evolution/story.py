"""A story with a question, read by a memory network in hops."""

from __future__ import annotations

import streamlit as st

from models.classic.story_text import demand_story
from models.errors import BadText
from viz.figures.hop_table import ToldSentence, hop_table
from viz.markdown import escaped
from viz.samples import STORIES
from viz.services import ancestors
from viz.state import keys, session

LONGEST_STORY = 4_000


def story(dark: bool) -> None:
    """The visitor's story, what each hop reads of it, and the answer."""
    text = story_text()
    if text is not None:
        _hops(text, dark)


def story_text() -> str | None:
    """Draw the field; the text, None where it is no story with a question, which is then told."""
    st.text_area(
        "A story and a question at its end",
        key=keys.STORY,
        height=110,
        max_chars=LONGEST_STORY,
        help="In the words that it was trained on: people who go to places, and take and leave things there; animals and what "
        "they are afraid of. A word that it does not know is named, with those that it does.",
    )
    with st.container(horizontal=True, gap="small"):
        for number, sample in enumerate(STORIES):
            st.button(
                _title(sample), key=f"story-sample-{number}", type="tertiary", on_click=_take, args=(sample,)
            )
    text = session.get(keys.STORY)
    try:
        demand_story(text)
    except BadText as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return None
    return text


def _title(sample: str) -> str:
    """Its question."""
    return sample.rpartition(". ")[2]


def _take(sample: str) -> None:
    session.put({keys.STORY: sample})


def _hops(text: str, dark: bool) -> None:
    reading, without = ancestors.story_reading(text)
    st.markdown(
        f":material/chat: It answers **{reading.answer}**, with probability {without.probability:.3f}."
    )
    adds = reading.adds(reading.answer).sum(0).tolist()
    told = [
        ToldSentence(
            sentence,
            reading.weights[:, place].tolist(),
            adds[place],
            (without.answers[place], float(without.probabilities[place])),
        )
        for place, sentence in enumerate(reading.sentences)
    ]
    best = [answers.max(0) for answers in reading.answers[1:]]
    after = [(reading.vocabulary[int(one.indices)], float(one.values)) for one in best]
    st.html(hop_table(told, reading.question, after, dark=dark))
    st.caption(
        "All *measured* in one pass but the last column, which is one pass a sentence. Below each hop: what would be answered "
        "after it, read off its state with the weights of the last one. “Adds to the answer”: how much the readings of a "
        "sentence raise its logit over the mean of all words, in all hops together; these sums are exact."
    )
    _memories(reading)


def _memories(reading: ancestors.MemoryReading) -> None:
    """What the two memories hold of each sentence."""
    hop = st.segmented_control(
        "What the memories hold for",
        list(range(len(reading.weights))),
        default=len(reading.weights) - 1,
        key="memory-hop",
        format_func=lambda number: f"hop {number + 1}",
        help="Each hop has an input memory, which the question is compared with, and an output memory, which is read.",
    )
    if hop is None:
        return
    st.dataframe(
        [
            {
                "sentence": sentence,
                "input memory · question": float(reading.scores[hop, place]),
                "weight": float(reading.weights[hop, place]),
                "output memory says": ", ".join(
                    f"{word} {logit:+.3g}" for word, logit in reading.says(hop, place)
                ),
            }
            for place, sentence in enumerate(reading.sentences)
        ],
        key="memories",
        hide_index=True,
        column_config={
            "input memory · question": st.column_config.NumberColumn(
                format="%.2f",
                help="The score before the softmax: what the input memory holds, times the state of this hop.",
            ),
            "weight": st.column_config.ProgressColumn(format="%.3f", min_value=0.0, max_value=1.0),
            "output memory says": st.column_config.TextColumn(
                help="The words whose logits it raises most if it is read alone and whole, and by how much."
            ),
        },
    )
