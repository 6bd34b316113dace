"""What to try, where all heads are on."""

from __future__ import annotations

import streamlit as st

from viz.heads_off import Head
from viz.views.prune import history, presets
from viz.views.prune.presets import in_words
from viz.views.prune.subject import Subject, telling


def nothing_off(subject: Subject) -> None:
    """Beside the wall: a few heads that are worth a click."""
    if subject.refusal:
        st.markdown("**All heads are on**")
        st.caption("The wall shows what they do on this text; hover over a head to see it large.")
        return
    st.markdown("**All heads are on.** Click one on the wall, or begin with:")
    strongest = telling(subject.run, subject.stack, subject.every)
    name = f"The strongest previous-token head, {in_words([strongest])}"
    offers: list[tuple[str, tuple[Head, ...]]] = [(name, (strongest,))]
    for role in presets.ROLES:
        heads = presets.of_role(subject.run, subject.stack, subject.every, role)
        if heads:
            offers.append((f"All {role.replace(' token', '-token')} heads: {in_words(heads)}", heads))
    for place, (label, heads) in enumerate(offers):
        st.button(
            label, key=f"prune-offer-{place}", on_click=history.put, args=(heads,), icon=":material/power_settings_new:",
            help="Switch off.", width="content",
        )  # fmt: skip
