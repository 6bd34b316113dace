"""One date through every model that reads dates, side by side."""

from __future__ import annotations

from typing import Any

import streamlit as st

import models
from models.classic.answering import DateAnswer
from models.classic.date_reading import DateSaid
from viz.figures.layout.config import WITHOUT_BAR
from viz.figures.small_heatmap import small_heatmap
from viz.services import ancestors
from viz.services.ancestors import TITLES
from viz.views.evolution.alignment import END

_RIGHT = "Exact match on 2,000 dates that no model saw, *measured*."
_LOOKS = (
    "How often the most attended character is one that the written character came from; of the best head, *measured* on the "
    "same dates."
)
_TIME = (
    "To read and write this text, the best of five passes, *measured* on this machine, all models in turn."
)


def side_by_side(text: str, said: DateSaid, dark: bool) -> None:
    """Answers, where each looked, and what each costs and knows."""
    found = ancestors.timed_answers(text)
    looking = [name for name in found if found[name].answer.patterns.shape[0]]
    for column, name in zip(st.columns(len(looking), gap="small"), looking, strict=True):
        with column:
            _small(name, found[name].answer, said, dark)
    st.dataframe(
        [_row(name, timed, said) for name, timed in found.items()],
        key="ancestors-table",
        hide_index=True,
        column_config={
            "dates right": st.column_config.NumberColumn(format="percent", help=_RIGHT),
            "looks right": st.column_config.NumberColumn(format="percent", help=_LOOKS),
            "ms": st.column_config.NumberColumn("ms here", format="%.1f", help=_TIME),
            "weights": st.column_config.NumberColumn(format="localized"),
        },
    )


def _small(name: str, answer: DateAnswer, said: DateSaid, dark: bool) -> None:
    right = answer.written == said.iso
    st.markdown(
        f"**{TITLES[name]}** · {answer.written} {':material/check:' if right else ':material/close:'}"
    )
    pattern = answer.patterns[-1].mean(0)
    rows = [*answer.written, END][: len(pattern)]
    st.plotly_chart(
        small_heatmap(
            pattern.numpy(),
            rows,
            top=float(pattern.max()),
            key_tokens=[*answer.text, END],
            dark=dark,
            height=240,
        ),
        key=f"beside-{name}",
        theme=None,
        config=WITHOUT_BAR,
        alt=f"What {TITLES[name]} looks at",
    )


def _row(name: str, timed: ancestors.TimedAnswer, said: DateSaid) -> dict[str, Any]:
    card = models.task_card(name)
    return {
        "model": TITLES[name],
        "answer": timed.answer.written,
        "right": timed.answer.written == said.iso,
        "dates right": card.figures["exact_match"],
        "looks right": card.figures.get("alignment"),
        "weights": models.CATALOG[name].parameters,
        "ms": 1_000 * timed.seconds,
    }
