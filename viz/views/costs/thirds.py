"""Three columns, one below the other where the page is narrow."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def thirds(name: str) -> Sequence[DeltaGenerator]:
    """Equally wide; the style that stacks them is that of pairs, see viz/views/family/grid.py."""
    with st.container(key=f"family-pair-{name}"):
        return st.columns(3, gap="medium")
