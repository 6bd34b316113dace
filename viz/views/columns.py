"""Columns that stay legible where the page is narrow: four (two by two there), three or two (one below the other there)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

_Each = TypeVar("_Each")

# Streamlit's own columns would shrink until the tiles cannot be told apart, or wrap with three in a row and one below.
_STYLE = """<style>
[class*="st-key-four-columns"] { container-type: inline-size; }
[class*="st-key-four-columns"] [data-testid="stHorizontalBlock"] {
  display: grid; grid-template-columns: repeat(4, minmax(0, 1fr));
}
@container (max-width: 880px) {
  [class*="st-key-four-columns"] [data-testid="stHorizontalBlock"] { grid-template-columns: repeat(2, minmax(0, 1fr)); }
}
/* Walls of heads need more room before their badges can be read. */
@container (max-width: 1240px) {
  [class*="st-key-four-columns-walls"] [data-testid="stHorizontalBlock"] { grid-template-columns: repeat(2, minmax(0, 1fr)); }
}
@container (max-width: 420px) {
  [class*="st-key-four-columns"] [data-testid="stHorizontalBlock"] { grid-template-columns: minmax(0, 1fr); }
}
[class*="st-key-four-columns"] [data-testid="stColumn"] { width: auto; min-width: 0; }
[class*="st-key-stacked-columns"] { container-type: inline-size; }
@container (max-width: 880px) {
  [class*="st-key-stacked-columns"] [data-testid="stHorizontalBlock"] { display: grid; grid-template-columns: minmax(0, 1fr); }
  [class*="st-key-stacked-columns"] [data-testid="stColumn"] { width: auto; min-width: 0; }
}
</style>"""


def column_style() -> None:
    """To be written once a page, before the first columns."""
    st.html(_STYLE)


def four(each: Sequence[_Each], name: str) -> Iterator[tuple[_Each, DeltaGenerator]]:
    """Up to four things, each with its column, all equally wide. name: here and below, tells the page's columns apart."""
    with st.container(key=f"four-columns-{name}"):
        columns = st.columns(4, gap="small")
    yield from zip(each, columns, strict=False)


def pair(name: str, left: float, right: float) -> Sequence[DeltaGenerator]:
    """Two columns of these shares of the width, one below the other where the page is narrow."""
    with st.container(key=f"stacked-columns-two-{name}"):
        return st.columns([left, right], gap="medium")


def thirds(name: str) -> Sequence[DeltaGenerator]:
    """Three columns, equally wide."""
    with st.container(key=f"stacked-columns-three-{name}"):
        return st.columns(3, gap="medium")
