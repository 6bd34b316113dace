"""Bars per head that choose a head when one is clicked."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

from viz.figures.layout.config import WITHOUT_BAR
from viz.state import keys, session
from viz.views.latents.subject import Subject


def clickable_bars(figure: go.Figure, subject: Subject, *, key: str, alt: str) -> None:
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
    points = session.clicked_points(key)
    if points:
        session.put({keys.LAYER: layer, keys.HEAD: int(points[0]["x"])})
