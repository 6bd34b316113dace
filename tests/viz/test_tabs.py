"""The chooser of a page's views: the one that is chosen is drawn, and no other."""

import pytest
from streamlit.testing.v1 import AppTest


def page(chosen: str) -> None:
    """The script that AppTest runs: what it needs it must import."""
    import streamlit as st

    from viz.views.tabs import tabs

    def view(name: str) -> None:
        st.markdown(f"{name} view")

    if "view" not in st.session_state:
        st.session_state["view"] = chosen
    tabs({"First": view, "Second": view}, "view", "What they are for.")(st.session_state["view"])


@pytest.mark.parametrize(
    ("chosen", "shown"), [("First", "First"), ("Second", "Second"), ("of an address", "First")]
)
def test_the_chosen_view_is_drawn_and_the_first_where_there_is_no_such(chosen: str, shown: str):
    app = AppTest.from_function(page, default_timeout=60, kwargs={"chosen": chosen}).run()
    assert [error.value for error in app.exception] == []
    assert [text.value for text in app.markdown] == [f"{shown} view"]
    assert app.session_state["view"] == shown


def test_another_click_draws_another_view():
    app = AppTest.from_function(page, default_timeout=60, kwargs={"chosen": "First"}).run()
    app.session_state["view"] = "Second"
    app.run()
    assert [text.value for text in app.markdown] == ["Second view"]
