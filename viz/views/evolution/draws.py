"""Hard attention draws its places: how far the draws lie apart, and what they change in the answer."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from models.classic.date_reading import DateSaid
from viz.figures.ancestors import draws_differ
from viz.figures.layout.config import WITHOUT_BAR
from viz.services import ancestors


def draws(text: str, said: DateSaid, dark: bool) -> None:
    """What a hundred draws give on the visitor's text, beside the likeliest places and the expected annotation."""
    reading = ancestors.hard_reading(text)
    count = len(reading.drawn)
    left, right = st.columns([0.55, 0.45], gap="medium")
    with left:
        st.markdown(f"**{count} draws** · how often two of them look at different places, *measured*")
        ended = [*reading.likeliest.written, "⏎"]
        shares = reading.differs.tolist()[: len(ended)]
        st.plotly_chart(
            draws_differ(ended[: len(shares)], shares, dark=dark), key="draws-differ", theme=None, config=WITHOUT_BAR,
            alt="How often two draws look at different places, for each written character",
        )  # fmt: skip
    with right:
        st.markdown("**What is written**")
        ways = [
            ("likeliest place each time", reading.likeliest.written),
            ("expected: the mean over all places", reading.expected.written),
        ]
        tally = Counter(answer.written for answer in reading.drawn).most_common(4)
        ways += [(f"{times} of {count} draws", answer) for answer, times in tally]
        st.dataframe(
            [
                {"how places are chosen": way, "answer": answer, "right": answer == said.iso}
                for way, answer in ways
            ],
            key="draws-answers",
            hide_index=True,
        )
