"""Columns that stay side by side inside of a pair, also where the pair stands one below the other."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

# One selector more than the pair's own rule, which would otherwise reach these columns as well.
_STYLE = """<style>
[class*="st-key-stacked-columns"] [class*="st-key-convert-row"] [data-testid="stHorizontalBlock"] {
  display: grid; grid-template-columns: none; grid-auto-flow: column; grid-auto-columns: minmax(0, 1fr);
}
[class*="st-key-convert-row"] [data-testid="stColumn"] { width: auto; min-width: 0; }
</style>"""


def row_style() -> None:
    """To be written once a page, before the first row."""
    st.html(_STYLE)


def row(name: str, count: int) -> Sequence[DeltaGenerator]:
    """Equally wide columns. name: tells the page's rows apart."""
    with st.container(key=f"convert-row-{name}"):
        return st.columns(count, gap="small")
