"""Columns for the four, one a member: side by side, two by two where the page is narrow, all equally wide; and pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from viz.views.family.members import Member

# Streamlit's own columns would shrink until the tiles cannot be told apart, or wrap with three in a row and one below.
_STYLE = """<style>
[class*="st-key-family-grid"] { container-type: inline-size; }
[class*="st-key-family-grid"] [data-testid="stHorizontalBlock"] {
  display: grid; grid-template-columns: repeat(4, minmax(0, 1fr));
}
@container (max-width: 880px) {
  [class*="st-key-family-grid"] [data-testid="stHorizontalBlock"] { grid-template-columns: repeat(2, minmax(0, 1fr)); }
}
@container (max-width: 420px) {
  [class*="st-key-family-grid"] [data-testid="stHorizontalBlock"] { grid-template-columns: minmax(0, 1fr); }
}
[class*="st-key-family-grid"] [data-testid="stColumn"] { width: auto; min-width: 0; }
[class*="st-key-family-pair"] { container-type: inline-size; }
@container (max-width: 880px) {
  [class*="st-key-family-pair"] [data-testid="stHorizontalBlock"] { display: grid; grid-template-columns: minmax(0, 1fr); }
  [class*="st-key-family-pair"] [data-testid="stColumn"] { width: auto; min-width: 0; }
}
</style>"""


def grid_style() -> None:
    """To be written once a page, before the first grid."""
    st.html(_STYLE)


def grid(members: Sequence[Member], name: str) -> Iterator[tuple[Member, DeltaGenerator]]:
    """Each member with its column. name: tells the page's grids apart."""
    with st.container(key=f"family-grid-{name}"):
        columns = st.columns(4, gap="small")
    yield from zip(members, columns, strict=False)


def pair(name: str, left: float, right: float) -> Sequence[DeltaGenerator]:
    """Two columns of these shares of the width, one below the other where the page is narrow."""
    with st.container(key=f"family-pair-{name}"):
        return st.columns([left, right], gap="medium")
