"""What was run, in one line, and what must be said about it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from viz.markdown import escaped
from viz.views.family.members import Member
from viz.views.summary import cut


def notices(members: Sequence[Member]) -> None:
    """Sizes of the text and the models, a cut, and the models' own notes."""
    first = members[0]
    shape, count = first.model.geometry, len(first.run.tokens)
    kept = sum(member.run.nbytes for member in members)
    st.caption(
        f"{len(members)} models of {shape.layers} layers x {shape.heads} heads on {count} token{'s' * (count != 1)}, "
        f"{kept / 1e6:.3g} MB kept · {first.model.device}, {str(first.model.dtype).removeprefix('torch.')} · tokens shaded "
        "by the mean of the four patterns of the chosen head"
    )
    if first.run.dropped:
        st.warning(cut(first.request, first.model, first.run), icon=":material/content_cut:")
    for note in dict.fromkeys(member.model.note for member in members if member.model.note):
        st.caption(f":material/info: {escaped(note)}")
