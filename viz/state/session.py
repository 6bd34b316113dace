"""A visitor's session: what is read from it and put into it, and what of it goes into the address and comes back from there,
so that a reload or a sent link shows the same.

Widgets keep their value under keys of viz/state/keys.py; `begin` fills them before the first widget is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from viz.state import keys
from viz.state.choices import CHOSEN, Chosen

LONGEST_URL_TEXT = 1_500  # characters of text that go into the address


def begin() -> None:
    """Fill this visitor's session from the URL, once; later runs only keep what is there alive."""
    for name, chosen in CHOSEN.items():
        if name in st.session_state:
            keep(name)
        else:
            st.session_state[name] = _from_url(name, chosen)


def hold_on() -> None:
    """First in a page's fragment: keep everything alive that the visitor has chosen.

    On a busy server a click breaks off the fragment's run before, and Streamlit forgets what the widgets held that this run had
    not come to.
    """
    context = get_script_run_ctx(suppress_warning=True)
    if context is not None and context.fragment_ids_this_run:  # in a whole run `begin` has done it
        begin()


def keep(*names: str) -> None:
    """Keep alive what no widget may be drawn for: one that is not drawn in a run, or in a fragment's, loses its value."""
    for name in names:
        st.session_state[name] = st.session_state[name]


def remember() -> None:
    """Write what differs from the defaults into the URL."""
    wanted = {
        name: _for_url(st.session_state[name])
        for name, chosen in CHOSEN.items()
        if _worth_keeping(name, chosen)
    }
    if dict(st.query_params) != wanted:
        st.query_params.from_dict(wanted)


def get(name: str) -> Any:
    """What must be there: kept by the address, or by a widget that is drawn."""
    return st.session_state[name]


def find(name: str, otherwise: Any = None) -> Any:
    """What may be there."""
    return st.session_state.get(name, otherwise)


def put(values: Mapping[str, Any]) -> None:
    """Set values by name; those of widgets before their widgets are made, or in a callback."""
    for name, value in values.items():
        st.session_state[name] = value


def forget(name: str) -> Any:
    """Take a value out, and give it back; None where there is none."""
    return st.session_state.pop(name, None)


def clicked_points(chart: str) -> list[dict[str, Any]]:
    """In the callback of a Plotly chart: the points that are selected in it."""
    return st.session_state[chart]["selection"]["points"]


def clicked_row(table: str) -> int | None:
    """In the callback of a table: the row that is selected in it, None where none is any more."""
    rows = st.session_state[table]["selection"]["rows"]
    return rows[0] if rows else None


def _from_url(name: str, chosen: Chosen) -> Any:
    raw = st.query_params.get(name)
    if raw is None or not chosen.in_address:
        return chosen.default
    try:
        return chosen.read(raw)
    except (ValueError, KeyError):
        return chosen.default


def _worth_keeping(name: str, chosen: Chosen) -> bool:
    value = st.session_state[name]
    if value is None or value == chosen.default or not chosen.in_address:
        return False
    return name not in (keys.TEXT, keys.SECOND) or len(value) <= LONGEST_URL_TEXT


def _for_url(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
