"""What people say about pruning, beside what is measured here."""

from __future__ import annotations

import streamlit as st

from viz.markdown import escaped
from viz.views.explain import explain
from viz.views.prune.doubts.few_heads import beyond_twelve
from viz.views.prune.doubts.inference_cost import saves_a_fifth
from viz.views.prune.doubts.stop_words import stop_words
from viz.views.prune.importance.settings import settings
from viz.views.prune.subject import Subject


def doubts(subject: Subject) -> None:
    """One view of the page Prune."""
    if subject.refusal:
        st.info(escaped(subject.refusal), icon=":material/info:")
        return
    evaluation = settings(subject).by_zeros  # what is taken out writes nothing
    for claim in (beyond_twelve, saves_a_fifth, stop_words):
        with st.container(border=True):
            claim(subject, evaluation)
    explain("Doubts")
