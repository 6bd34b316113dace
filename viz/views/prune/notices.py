"""What must be known of what is off: that it is an example, that heads are missing, that none is left."""

from __future__ import annotations

import streamlit as st

from viz.markdown import escaped
from viz.views.prune.presets import in_words
from viz.views.prune.subject import EXAMPLE_SCORES, Subject, example_score


def notices(subject: Subject) -> None:
    """Above the wall."""
    if subject.refusal:
        st.info(escaped(subject.refusal), icon=":material/info:")
    if subject.unknown:
        last = subject.run.layers(subject.stack) - 1
        st.info(
            f"{in_words(subject.unknown)}: not in this model, so left out. Its layers are 0 to {last}, and layer {last} has "
            f"heads 0 to {subject.run.heads(last, subject.stack) - 1}.",
            icon=":material/info:",
        )
    if subject.example:
        _example(subject)
    elif len(subject.off) == len(subject.every):
        st.info(_none_left(subject), icon=":material/info:")


def _example(subject: Subject) -> None:
    (head,) = subject.off
    role = subject.run.scores(subject.stack).role(*head)
    what = (
        f"the strongest {role.replace(' token', '-token')} head"
        if role
        else EXAMPLE_SCORES.get(example_score(subject.run, subject.stack) or "", "one of its heads")
    )
    why = (
        " Induction heads, where a model has some, read what it writes."
        if role == "previous token" and subject.model.geometry.role != "encoder"
        else ""
    )
    st.caption(
        f":material/lightbulb: **An example**: {in_words(subject.off)} is off, {what} on this text.{why} Click heads on the "
        "wall to choose your own."
    )


def _none_left(subject: Subject) -> str:
    if len(subject.run.stacks) > 1:
        return (
            f"Every {subject.stack} head is off; the model still runs with the attention of its other stacks."
        )
    if subject.choice.method != "zero":
        return "Every head is off: the model still runs, but what stands for the heads does not depend on this text."
    return (
        "Every head is off: the model still runs, on its feed-forward layers alone, and each token is predicted from the one "
        "before it without a look at any other."
        if subject.model.geometry.role == "decoder"
        else "Every head is off: the model still runs, on its feed-forward layers alone; no token sees any other."
    )
