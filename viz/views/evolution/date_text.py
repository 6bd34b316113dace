"""The date that a visitor spells, and a clear sentence where it is none."""

from __future__ import annotations

import streamlit as st

from models.classic.date_reading import VOCABULARY, DateSaid, demand_date, read_date
from models.classic.dates import LONGEST
from models.errors import BadText
from viz.markdown import escaped
from viz.samples import DATES
from viz.state import keys, session


def date_text() -> tuple[str, DateSaid] | None:
    """Draw the field; the text and the date it says, None where it says none, which is then told."""
    st.text_input(
        "A date, spelled as you like",
        key=keys.DATE,
        max_chars=LONGEST,
        help=f"In English, with {VOCABULARY}. Numbers alone are read as year-month-day, day.month.year, or month/day/year.",
    )
    with st.container(horizontal=True, gap="small"):
        for number, sample in enumerate(DATES):
            st.button(sample, key=f"date-sample-{number}", type="tertiary", on_click=_take, args=(sample,))
    text = session.get(keys.DATE)
    try:
        demand_date(text)
    except BadText as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return None
    return text, read_date(text)


def _take(sample: str) -> None:
    session.put({keys.DATE: sample})
