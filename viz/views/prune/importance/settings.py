"""What importance is measured on: which text, and how much of it."""

from __future__ import annotations

import streamlit as st

import models
from models.look.evaluation_texts import cut_into_texts
from models.run.model import demand_tokenizer
from viz.markdown import escaped
from viz.services.importance import Evaluation
from viz.state import choices, keys, session
from viz.views.obtain import complain
from viz.views.prune.subject import Subject

OURS, OWN = "Headlight’s prose", "my file"
MOST_CHARACTERS = 65_536  # far more than the most tokens that are read


def settings(subject: Subject) -> Evaluation:
    """The controls, and what they ask for; Headlight's prose as long as no file of the visitor's can be read."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        source = st.segmented_control(
            "Measured on", (OURS, OWN), default=OURS, key="importance-source", required=True, width="content",
            help="Not on the text in the sidebar: a sentence says which heads it needs, not which a model needs. Headlight’s "
            "prose, a story and an essay, was written for this; no shipped model was trained on it.",
        )  # fmt: skip
        st.select_slider(
            "Tokens at most", choices.EVALUATION_LIMITS, key=keys.EVALUATED_TOKENS, width=260,
            format_func=lambda count: f"{count:,}",
            help="Whole sentences up to so many tokens, in texts of 256 at most: heads are ranked on the first half, and what "
            "is chosen so is measured on the second. More tokens: less noise, more time.",
        )  # fmt: skip
    if source == OWN:
        st.file_uploader(
            "A text file (plain text, UTF-8)", key=keys.IMPORTANCE_FILE, on_change=_take_upload, args=(subject.model,),
            width=560,
            help="It stays in this server’s memory. Its beginning is read, up to the tokens that are set above.",
        )  # fmt: skip
        _file_note()
    _, text = session.find(keys.EVALUATION_TEXT, ("", ""))
    request = subject.request
    return Evaluation(
        request.model, request.device, request.dtype, subject.stack, text if source == OWN else "",
        session.get(keys.EVALUATED_TOKENS), subject.choice.replaced_by,
    )  # fmt: skip


def _file_note() -> None:
    """What became of the file."""
    name, text = session.find(keys.EVALUATION_TEXT, ("", ""))
    refused = session.find(keys.EVALUATION_REFUSED, "")
    if refused:
        complain(refused)
        st.caption("Below is what was shown before." if text else f"Below is what {OURS} says.")
    elif text:
        st.caption(f"“{escaped(name)}”, {len(text):,} characters that can be read.")
    else:
        st.caption(f"No file yet; below is what {OURS} says.")


def _take_upload(model: models.AttentionModel) -> None:
    file = session.get(keys.IMPORTANCE_FILE)
    if file is None:
        session.forget(keys.EVALUATION_REFUSED)
        session.forget(keys.EVALUATION_TEXT)
        return
    try:
        text = readable(file.name, file.getvalue(), model)
    except models.BadText as error:
        session.put({keys.EVALUATION_REFUSED: str(error)})
        return
    session.forget(keys.EVALUATION_REFUSED)
    session.put({keys.EVALUATION_TEXT: (file.name, text)})


def readable(name: str, content: bytes, model: models.AttentionModel) -> str:
    """The file's text, as much of it as could be needed. Raises BadText where it is none that can be measured on."""
    shown = f"“{name[:80]}”"
    if not content.strip():
        raise models.BadText(f"The file {shown} is empty; choose one with some hundred words of plain text.")
    try:
        text = content.decode("utf-8-sig")[:MOST_CHARACTERS]
    except UnicodeDecodeError as error:
        raise models.BadText(
            f"The file {shown} is no plain text in UTF-8: byte {error.start:,} cannot be read as such; save it as UTF-8 text "
            "and choose it again."
        ) from None
    try:
        texts = cut_into_texts(model, text, max_tokens=choices.EVALUATION_LIMITS[0])
    except models.BadText as error:
        raise models.BadText(f"The file {shown} cannot be measured on: {error}") from None
    if max(len(demand_tokenizer(model)(part)["input_ids"]) for part in texts) < 2:
        raise models.BadText(
            f"The file {shown} has one token, which nothing foretells; choose one with some hundred words of plain text."
        )
    return text
