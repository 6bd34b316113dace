"""From which language a multilingual translator reads the text, and into which one it writes."""

from __future__ import annotations

import streamlit as st

import models
from viz import services
from viz.services import Request
from viz.state import keys, session


def language_choice(request: Request) -> None:
    """Two choices at the end of the sidebar, for a model whose tokenizer marks texts with their language."""
    known = models.languages(services.model_of(request))
    if known is None:
        return
    with st.sidebar:
        left, right = st.columns(2, gap="small")
        with left:
            _one(
                "From",
                keys.SOURCE_LANGUAGE,
                known,
                known.source,
                "The language that the text is marked with, as the tokenizer names it.",
            )
        with right:
            _one(
                "Into",
                keys.TARGET_LANGUAGE,
                known,
                known.target,
                "The language whose mark the target begins with. The model's own: what its generation settings force.",
            )


def _one(title: str, name: str, known: models.Languages, own: str, help_text: str) -> None:
    options = ["", *sorted(known.ids)]
    if session.get(name) not in options:  # of another model, or of an address
        session.put({name: ""})
    st.selectbox(
        title,
        options,
        key=name,
        format_func=lambda code: code or (f"{own} (its own)" if own else "left open"),
        help=help_text,
    )
