"""What a visitor has chosen outlives a run that was broken off before its widget was drawn."""

from pathlib import Path
from typing import Any

import pytest
import streamlit as st

import viz.pages
from viz.state import choices, keys, session

PAGES = sorted(Path(viz.pages.__file__).parent.glob("*.py"))


class Context:
    def __init__(self, *fragments: str) -> None:
        self.fragment_ids_this_run = list(fragments)


@pytest.mark.parametrize("fragments", [(), ("page",)])
def test_what_streamlit_forgot_comes_back_in_the_next_fragment(
    monkeypatch: pytest.MonkeyPatch, fragments: tuple[str, ...]
):
    held: dict[str, Any] = {name: chosen.default for name, chosen in choices.CHOSEN.items()}
    del held[keys.METHOD]
    monkeypatch.setattr(st, "session_state", held)
    monkeypatch.setattr(st, "query_params", {keys.METHOD: "mean"})
    monkeypatch.setattr(session, "get_script_run_ctx", lambda **_: Context(*fragments))
    session.hold_on()
    assert held.get(keys.METHOD) == ("mean" if fragments else None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_fragment_holds_on_first(page: Path):
    lines = page.read_text("utf-8").splitlines()
    if "@st.fragment" not in lines:
        assert page.stem == "__init__"
        return
    body = "\n".join(lines[lines.index("@st.fragment") :])
    first = body.split('"""')[2].strip().splitlines()[0]
    assert first == "session.hold_on()"
