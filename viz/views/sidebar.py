"""The sidebar that every page shares: which model, which text, on what."""

from __future__ import annotations

import streamlit as st
import torch

import models
from models.loading.catalog import ANCESTORS, FAMILY, PRETRAINED, Task, task_of
from viz.components.text_guard import text_guard
from viz.samples import DEFAULT, Sample, samples_of
from viz.services import Request
from viz.state import choices, keys, session
from viz.views.obtain import start_again

GROUP_WORDS = {FAMILY: "Family", ANCESTORS: "Ancestor", PRETRAINED: "Pretrained"}


def sidebar(models_shown: str = "") -> Request:
    """Draw the controls and return what they ask for.

    models_shown: for a page that shows models of its own choice, a sentence in place of the model picker.
    """
    task = "any text" if models_shown else task_of(session.get(keys.MODEL) or "")
    _fitting_text(task)
    with st.sidebar:
        if models_shown:
            st.caption(models_shown)
        else:
            _model_picker()
        _samples(task)
        st.text_area(
            "Text",
            key=keys.TEXT,
            height=150,
            max_chars=choices.LONGEST_TEXT,
            help="What the model reads. Press Ctrl+Enter, or Run, to see its heads on it.",
        )
        if not models_shown:
            _second_text()
        st.button(
            "Run",
            type="primary",
            width="stretch",
            on_click=start_again,
            help="Run the text through the model.",
        )
        _placement()
        text_guard()
    return Request(
        model=(session.get(keys.MODEL) or models.DEFAULT).strip(),
        device=session.get(keys.DEVICE),
        text=session.get(keys.TEXT) or "",
        second=session.get(keys.SECOND) or "",
        max_tokens=session.get(keys.LIMIT),
        dtype=session.get(keys.DTYPE),
        source_language=session.get(keys.SOURCE_LANGUAGE),
        target_language=session.get(keys.TARGET_LANGUAGE),
    )


def device_sidebar(sentence: str) -> None:
    """For a page that reads no text of the visitor's: a sentence, and on what models run there."""
    with st.sidebar:
        st.caption(sentence)
        _device_and_numbers()


def _model_picker() -> None:
    known = [name for name, row in models.CATALOG.items() if row.form != "none"]
    chosen = session.get(keys.MODEL)
    st.selectbox(
        "Model",
        known if chosen in known or not chosen else [*known, chosen],
        key=keys.MODEL,
        format_func=_describe,
        accept_new_options=True,
        help="Choose one, or type a Hugging Face Hub id such as openai-community/gpt2, or the path of a folder with a "
        "model, and press Enter. Code that comes with a model is never run.",
    )


def _describe(name: str) -> str:
    """An option of the picker; its first word is the group, since a selectbox has no headings."""
    row = models.CATALOG.get(name)
    if row is None:
        return name
    # The mark takes the place of the shape, which a narrow column would let push it out of sight.
    facts = [row.kind.upper(), "undertrained"] if _undertrained(name) else [row.title]
    return " · ".join([GROUP_WORDS[row.group], *facts])


def _undertrained(name: str) -> bool:
    try:
        card = models.card_of(name)
    except models.BadCard:  # said where the model is shown
        return False
    return card is not None and card.undertrained


def _fitting_text(task: Task) -> None:
    """Where the model reads texts of its own kind, and the present one is of another kind: the one that was there last.

    A text that came with the address stays: whoever sent it meant it.
    """
    texts: dict[str, str] = session.find(keys.TEXTS_OF_TASKS, {})
    before = session.find(keys.TEXT_TASK)
    if before is None and session.get(keys.TEXT) == DEFAULT.text:
        before = "any text"
    if before not in (None, task):
        texts = texts | {before: session.get(keys.TEXT)}
        session.put({keys.TEXT: texts.get(task, samples_of(task)[0].text), keys.TOKEN: None})
    session.put({keys.TEXT_TASK: task, keys.TEXTS_OF_TASKS: texts})


def _samples(task: Task) -> None:
    with st.popover("Samples", width="stretch", help="Texts on which heads show what they do."):
        for sample in samples_of(task):
            st.button(
                sample.title,
                key=f"sample-{sample.title}",
                help=sample.note,
                width="stretch",
                type="tertiary",
                on_click=_take,
                args=(sample,),
            )


def _take(sample: Sample) -> None:
    session.put({keys.TEXT: sample.text, keys.SECOND: sample.second, keys.TOKEN: None})


def _second_text() -> None:
    if session.get(keys.MODEL) in models.CATALOG and models.CATALOG[session.get(keys.MODEL)].role in (
        "decoder",
        "answerer",
    ):
        return
    st.text_area(
        "Second sentence, or target",
        key=keys.SECOND,
        height=80,
        max_chars=choices.LONGEST_TEXT,
        placeholder="optional",
        help="An encoder reads it as the other sentence of a pair; an encoder-decoder takes it as the target (left "
        "empty, the model writes one itself). A decoder has no use for it.",
    )


def _placement() -> None:
    with st.popover("Device and limits", width="stretch"):
        _device_and_numbers()
        st.select_slider(
            "Tokens at most",
            choices.LIMITS,
            key=keys.LIMIT,
            help="A longer text is cut there, and the page says so. Memory grows with the tokens, the time to draw all "
            "heads with their square.",
        )


def _device_and_numbers() -> None:
    st.selectbox(
        "Device",
        _devices(),
        key=keys.DEVICE,
        help="auto takes CUDA, then Apple's MPS, then the CPU; bfloat16 on CUDA, float32 elsewhere.",
    )
    st.selectbox(
        "Numbers",
        choices.DTYPES,
        key=keys.DTYPE,
        help="What the model computes in: auto takes bfloat16 on CUDA and float32 elsewhere.",
    )


def _devices() -> list[str]:
    cuda = [f"cuda:{n}" for n in range(torch.cuda.device_count())]
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return ["auto", "cpu", *cuda, *mps]
