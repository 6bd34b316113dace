"""Bars per head that choose a head when one is clicked."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

from viz import state
from viz.figures.layout.config import WITHOUT_BAR
from viz.views.latents.subject import Subject


def clickable_bars(figure: go.Figure, subject: Subject, key: str, alt: str) -> None:
    """A figure whose horizontal axis counts the heads of the subject's layer."""
    st.plotly_chart(
        figure,
        key=key,
        theme=None,
        config=WITHOUT_BAR,
        on_select=lambda: _choose(key, subject.layer),
        selection_mode="points",
        alt=alt,
    )


def _choose(key: str, layer: int) -> None:
    points = st.session_state[key]["selection"]["points"]
    if points:
        state.put(**{state.LAYER: layer, state.HEAD: int(points[0]["x"])})
