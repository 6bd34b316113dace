"""What a tokenizer puts around the text and the model does not read, and what its settings make of the next token."""

from __future__ import annotations

import streamlit as st

import models
from models.look.generation_settings import settings_followed, settings_passed_over
from models.run.inputs import marks_left_out
from viz.figures.token_text import visible
from viz.markdown import escaped
from viz.services import Request


def marks_note(request: Request, model: models.AttentionModel) -> None:
    """That the beginning stands there already, or that an end mark is left out, where that is so."""
    if model.geometry.role == "encoder" and request.second.strip():
        return
    before, behind = marks_left_out(model, request.text)
    sentences = []
    if before:
        sentences.append(
            f"The text begins with {_spelled(before)} itself, so the tokenizer's own is left out: it would stand there twice."
        )
    if behind and model.geometry.role == "decoder":
        sentences.append(
            f"The tokenizer ends every text with {_spelled(behind)}. That is left out here, so that next tokens and what the "
            "model writes on follow the text itself."
        )
    elif behind:
        sentences.append(f"The text ends with {_spelled(behind)} itself, so the tokenizer's own is left out.")
    if sentences:
        st.caption(f":material/info: {' '.join(sentences)}")


def probabilities_note(model: models.AttentionModel) -> None:
    """That the probabilities are raw, where what is written follows more than them."""
    followed, passed = settings_followed(model), settings_passed_over(model)
    if model.geometry.role == "encoder" or not (followed or passed):
        return
    note = "These are the model's own probabilities."
    if followed:
        listed = ", ".join(f"`{name}` {escaped(value)}" for name, value in followed.items())
        note += f" What it writes also follows its generation settings: {listed}."
    if passed:
        note += f" They ask for {escaped(', '.join(passed))} too; here the likeliest token is taken, or drawn at a temperature."
    st.caption(note)


def _spelled(tokens: tuple[str, ...]) -> str:
    return escaped(" ".join(map(visible, tokens)))
