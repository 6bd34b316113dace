"""What am I looking at? A few plain words for every view."""

from __future__ import annotations

import streamlit as st

TEXTS = {
    "heads": """
**The wall** shows every head of the model as a small picture of its pattern, layers from top to bottom. Inside a picture,
rows are the tokens that look (queries), from the first at the top to the last; columns are the tokens looked at (keys).
Darker means more attention (brighter in the dark theme); each picture is scaled by its own strongest weight.

**The heatmap** is the selected head, exact: each row sums to 1 and says how the token on the left spreads its attention over
the tokens on top. In a decoder the upper right is empty, for nobody may look ahead.

**Badges** name what a head does *on this text*: at least 40% of the attention to the previous token (P) or to itself (S),
30% to what followed an earlier copy of the token (I, induction) or to that copy (D, duplicate), 60% to the first token (F),
each at least twice what even attention over all visible tokens would give, on three tokens or more.
""",
}


def explain(view: str) -> None:
    """The view's explanation, folded."""
    with st.expander("What am I looking at?"):
        st.markdown(TEXTS[view])
