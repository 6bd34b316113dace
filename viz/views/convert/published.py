"""What others report of such conversions: other models, other texts, so for orientation alone."""

from __future__ import annotations

import streamlit as st

# (model and what became of its cache, perplexity before and after, source)
ROWS = (
    ("Llama-2-7B to 7% of its cache", "5.47 → 41.6", "arXiv 2502.07864"),
    ("Qwen2.5-7B to a latent of 512 + 64", "6.85 → 8.41", "TransMLA’s README"),
)


def published() -> None:
    """A few lines."""
    st.markdown(
        "**Other models, without tuning** · *published*",
        help="By TransMLA, of other models on other texts: for orientation, not to be compared number by number. The first "
        "recovers with 6 billion tokens of training.",
    )
    st.caption("  \n".join(f"{model}: perplexity **{change}** ({source})" for model, change, source in ROWS))
