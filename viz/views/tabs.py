"""The views that a page offers: one at a time, so that nothing is computed that nobody looks at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ParamSpec

import streamlit as st

from viz.state import session

P = ParamSpec("P")


def tabs(
    views: Mapping[str, Callable[P, None]], key: str, help_text: str, label: str = "View"
) -> Callable[P, None]:
    """Draws the chooser, and gives back the chosen view for the page to call; the first where none of them is chosen.

    key: of the chosen name, which the address keeps. help_text: what the views are for; label: read aloud alone.
    """
    if session.get(key) not in views:
        session.put({key: next(iter(views))})
    st.segmented_control(
        label, list(views), key=key, required=True, label_visibility="collapsed", help=help_text
    )
    return views[session.get(key)]
