"""What stands for the output of a head that is off, and on which stack heads are switched."""

from __future__ import annotations

import streamlit as st

from models.pruning.ablation import METHODS
from viz.services.replacements import MEAN_TOKENS, ReplacedBy
from viz.state import keys, session
from viz.views.prune import history
from viz.views.prune.subject import Subject, other_titles

_NAMES = {"zero": "zeros", "mean": "its mean", "resample": "another text"}
_HELP = (
    "What stands for the output of a head that is off. **zeros**: nothing. **its mean**: the head's mean output over "
    f"{MEAN_TOKENS:,} tokens of the evaluation text that comes with Headlight: what it says of this text goes, what "
    "it always says stays. **another text**: what the head puts out on another sample, position by position."
)


def method_choice(subject: Subject) -> None:
    """In the row of controls."""
    _stack_choice(subject)
    if subject.refusal:
        return
    st.segmented_control(
        "Replaced by", METHODS, key=keys.METHOD, required=True, format_func=_NAMES.__getitem__, help=_HELP,
        label_visibility="collapsed", width="content",
    )  # fmt: skip
    if session.get(keys.METHOD) == "resample":
        titles = other_titles(subject.request)
        if session.get(keys.OTHER) not in titles:
            session.put({keys.OTHER: titles[0]})
        st.selectbox(
            "The other text", titles, key=keys.OTHER, label_visibility="collapsed", width=190,
            help="The sample on which the heads that are off have put out what they put out here.",
        )  # fmt: skip


def replaced_in_words(replaced_by: ReplacedBy) -> str:
    """For the small print under the numbers."""
    method, title = replaced_by
    if method == "mean":
        return "their mean output over the evaluation text stands for the heads"
    if method == "resample":
        return f"what they put out on the sample “{title}” stands for the heads"
    return "zeros stand for the heads' outputs"


def _stack_choice(subject: Subject) -> None:
    stacks = subject.model.plan.stacks
    if len(stacks) == 1:
        return
    session.put({keys.STACK_PICKER: subject.stack})
    st.segmented_control(
        "Heads of", stacks, key=keys.STACK_PICKER, required=True, on_change=_change_stack, label_visibility="collapsed",
        width="content",
        help="Whose heads: the encoder's (the source over itself), the decoder's (the target over itself), or those with which "
        "the target reads the source.",
    )  # fmt: skip


def _change_stack() -> None:
    """Heads of one stack are not those of another, so the choice begins again."""
    session.put({keys.OFF_STACK: session.get(keys.STACK_PICKER)})
    history.start_again()
