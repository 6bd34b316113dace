"""A small page with every browser part on it, for test_components.py."""

import numpy as np
import streamlit as st

from viz.components.attention_lines import attention_lines
from viz.components.head_wall import head_wall
from viz.components.picture_download import picture_download
from viz.components.token_strip import TokenPick, token_strip
from viz.figures.atlas import make_atlas

st.set_page_config(layout="wide")

HEADS = (3, 2, 4)
TOKENS = [
    "<script>window.hit=1</script>",
    " <img src=x onerror=window.hit=2>",
    "\n",
    " the",
    "שלום",
    "\x00",
    "\ud800",
]
COUNT = len(TOKENS)

state = st.session_state
state.setdefault("head", (0, 0))
state.setdefault("token", TokenPick(0))


def pattern(layer: int, head: int) -> np.ndarray:
    weights = np.tril(np.random.default_rng([layer, head]).random((COUNT, COUNT)))
    weights[np.arange(2, COUNT), np.arange(1, COUNT - 1)] += 5
    return weights / weights.sum(1, keepdims=True)


def choose_head(head: tuple[int, int]) -> None:
    state.head = head


def choose_token(token: TokenPick) -> None:
    state.token = token


patterns = [np.stack([pattern(layer, head) for head in range(count)]) for layer, count in enumerate(HEADS)]
atlas = make_atlas([np.kron(layer, np.ones((1, 4, 4))) for layer in patterns])
widest = max(HEADS)
induction = np.array(
    [[10 * layer + head if head < HEADS[layer] else np.nan for head in range(widest)] for layer in range(3)]
)
roles = [["induction", "", ""], ["first token", ""], ["", "<b>bold</b>", "", "previous token"]]

sort = st.radio("Sort", ["layer", "induction"])
if st.button("Go to L1 H1"):
    state.head = (1, 1)


@st.fragment
def parts() -> None:
    picked = head_wall(
        atlas,
        key="wall",
        selected=state.head,
        roles=roles,
        scores={"induction": induction},
        sort=sort,
        dimmed=[(2, 0)],
        second=(2, 2),
        on_select=choose_head,
    )
    layer, head = state.head
    st.text(f"head {layer},{head}; picked {picked}")
    token_strip(TOKENS, patterns[layer][head], key="strip", selected=state.token, on_select=choose_token)
    st.text(f"token {state.token.place} {state.token.direction}")
    attention_lines(TOKENS, patterns[layer][head], key="lines")


parts()
head_wall(make_atlas(patterns[:1]), key="other wall", selected=(0, 1))
deep = [np.kron(patterns[0], np.ones((1, 4, 4)))] * 30
head_wall(make_atlas(deep), key="deep wall", selected=(29, 1), max_height=400, label="Deep wall")
svg = '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"><text y="15">漢字</text></svg>'
picture_download(svg, "L5 H3: a/b", key="save")
