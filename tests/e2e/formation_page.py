"""A small page with the player of heads forming, for test_formation.py."""

import streamlit as st

from tests.formations import formation
from viz.components.formation_player import Shown, formation_player
from viz.figures.formation_film import make_curve, make_film

st.set_page_config(layout="wide")
state = st.session_state
state.setdefault("shown", Shown(3, 2, 1))


def choose(shown: Shown) -> None:
    state.shown = shown
    state.told = state.get("told", 0) + 1


@st.fragment
def player() -> None:
    kind = st.radio("Kind", ["mha", "gqa"])
    records = {"mha": formation("mha", seed=2), "gqa": formation("gqa", seed=3)}
    curves = {name: make_curve(record) for name, record in records.items()}
    formation_player(
        make_film(records[kind]),
        curves[kind],
        list(curves.values()),
        ["Mr", " <b>x</b>", " Clara"],
        key="player",
        selected=state.shown,
        on_select=choose,
    )
    st.text(
        f"record {state.shown.record}, L{state.shown.layer} H{state.shown.head}, told {state.get('told', 0)}"
    )


player()
