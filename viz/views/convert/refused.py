"""A model that cannot be converted: why, and where to go from here."""

from __future__ import annotations

import streamlit as st

import models
from models.shape.family import family_name
from viz.markdown import escaped
from viz.state import keys, session
from viz.views.obtain import complain


def refused(error: models.UnsupportedModel, model: models.AttentionModel) -> None:
    """The engine's sentence, and a button for a model that can be converted."""
    complain(str(error))
    other = _original(model) or family_name("gqa")
    st.button(
        f"Take {escaped(other)}", key="convert-take", on_click=_take, args=(other,),
        help="Choose that model in the sidebar, and convert it.",
    )  # fmt: skip


def _original(model: models.AttentionModel) -> str | None:
    """What a converted model was made of."""
    provenance = getattr(model.module.config, "provenance", None) or {}
    return provenance.get("model")


def _take(name: str) -> None:
    session.put({keys.MODEL: name})
