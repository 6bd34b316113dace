"""Take a model that was made here to the other pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from viz import unforeseen
from viz.state import keys, session
from viz.views import obtain

EXPLORE = Path(__file__).resolve().parents[1] / "pages" / "explore.py"


def take(write: Callable[[], Path]) -> bool:
    """Write the model to its folder and choose it, or say why not; whether that was done.

    For callbacks, for the sidebar's widget may be given another value only then.
    """
    try:
        with st.spinner("Writing the model to its folder"):
            folder = write()
    except Exception as error:  # a disk may refuse it, too
        obtain.complain(unforeseen.sentence(error, "writing the model", "a smaller model"))
        return False
    take_folder(str(folder))
    return True


def take_folder(folder: str) -> None:
    """Choose the model in a folder; `go_there` then opens the page Explore. For callbacks."""
    session.put({keys.MODEL: folder, keys.DTYPE: session.get(keys.DTYPE)})
    session.put({keys.MODEL_TAKEN: True})


def go_there() -> None:
    """Opens the page Explore, if a model was taken."""
    if session.forget(keys.MODEL_TAKEN):
        st.switch_page(EXPLORE)
