"""What all claims share: how one is headed, and how a number is held against a limit."""

from __future__ import annotations

import streamlit as st

from models.pruning.quality import Quantity

LIMIT = 0.05  # of the loss; in nats of KL, or of the output's length, where there is no loss
WITHIN: dict[Quantity, str] = {
    "loss": "5% more loss",
    "kl": "0.05 nats of KL",
    "distance": "an output moved by 5%",
}


def claim(words: str, who: str) -> None:
    """The sentence that is repeated, and by whom."""
    st.markdown(f"#### “{words}”")
    st.caption(who)


def allowed(metric: Quantity, full: float) -> float:
    """The most that still counts as no noticeable harm. full: the number with all heads on."""
    return full * (1 + LIMIT) if metric == "loss" else LIMIT


def worse(metric: Quantity, value: float, full: float) -> str:
    """How much worse than with all heads, in words."""
    if metric == "loss":
        return f"{value / full - 1:+.1%} loss"
    return f"{value:.3g} nats of KL" if metric == "kl" else f"an output moved by {value:.1%}"


def answer(sentence: str) -> None:
    """What was measured."""
    st.markdown(f"**Measured here:** {sentence}")
