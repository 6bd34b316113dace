"""The selected head as lines from token to token."""

from __future__ import annotations

import streamlit as st

from viz.components.attention_lines import MOST_TOKENS, attention_lines
from viz.state import keys, session
from viz.views.selected_head import Selection


def lines(chosen: Selection) -> None:
    """Left the tokens that look, right what they look at."""
    longest = max(len(chosen.query_tokens), len(chosen.key_tokens))
    if longest > MOST_TOKENS:
        st.info(
            f"Lines are drawn for up to {MOST_TOKENS} tokens, this text has {longest:,}; the heatmap shows them all."
        )
        return
    same = chosen.query_tokens == chosen.key_tokens
    attention_lines(
        chosen.query_tokens,
        chosen.run.pattern(chosen.layer, chosen.head, chosen.stack).numpy(),
        key=f"lines-{chosen.stack}",
        key_tokens=None if same else chosen.key_tokens,
        skip_first=session.get(keys.FIRST_OUT),
    )
