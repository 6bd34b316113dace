"""A trained model's card: what it saw, how well it reads, which heads it grew, how to make it again."""

from __future__ import annotations

import streamlit as st

import models
from models.shape.attention_geometry import KIND_NAMES
from viz.markdown import escaped

UNDERTRAINED = ":orange-badge[undertrained]"
ROLES_IN_SIGHT, ROLES_HEIGHT = 6, 290  # a longer table scrolls; pixels


def card_button(card: models.Card) -> None:
    """A popover with the whole card."""
    with st.popover(
        "Card", icon=":material/id_card:", help="What this model saw in training, and how well it reads."
    ):
        card_body(card)


def card_body(card: models.Card) -> None:
    """The card itself, top to bottom."""
    st.markdown(
        f"**{escaped(card.name)}** · {KIND_NAMES[card.kind]}"
        + (f" {UNDERTRAINED}" if card.undertrained else "")
    )
    if card.undertrained:
        st.caption(f"Undertrained: {card.shortfall}. What its heads do may still change.")
    st.markdown(_numbers(card))
    st.caption(
        f"Measured on {escaped(card.device)} ({card.threads} thread{'s' if card.threads > 1 else ''}), {card.date[:10]}, seed "
        f"{card.seed}; formula: DeepSeek-V2 (arXiv 2405.04434), Table 1."
    )
    _roles(card)
    st.caption(f"**Text.** {escaped(card.corpus)} {escaped(card.repeats)}")
    st.caption(f"**Licence.** {escaped(card.licence)}")
    st.caption(f"**Made with** torch {escaped(card.torch)}, transformers {escaped(card.transformers)}:")
    st.code(card.command, language="sh", wrap_lines=True)


def _numbers(card: models.Card) -> str:
    """A Markdown table: what, how much, how it is known."""
    seen = f"{card.tokens_seen:,}" + (
        f" of {card.planned_tokens:,}" if card.tokens_seen < card.planned_tokens else ""
    )
    rows = [
        ("validation loss", f"{card.validation_loss:.3f} nats per token", "measured"),
        ("validation perplexity", f"{card.validation_perplexity:.3g} per token", "measured"),
        ("validation text", f"{card.validation_tokens:,} tokens", "counted"),
        ("trained on", f"{seen} tokens", "counted"),
        ("training took", _duration(card.train_seconds), "measured"),
        ("parameters", f"{card.parameters:,}", "counted"),
        ("key/value cache, bf16", f"{card.cache_bytes_per_token:,} bytes per token", "formula"),
    ]
    lines = [f"| {what} | {amount} | *{how}* |" for what, amount, how in rows]
    return "\n".join(["| what | value | how |", "| --- | ---: | --- |", *lines])


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"


def _roles(card: models.Card) -> None:
    st.markdown("**Heads with a role** · *measured*", help=f"Looked for on: {escaped(card.probe)}")
    missing = [role for role in ("induction", "previous token") if card.strongest(role) is None]
    if missing:
        st.caption(f"No {' and no '.join(missing)} head was found.")
    if not card.roles:
        return
    lines = ["| head | role | score | by chance | found on |", "| --- | --- | ---: | ---: | --- |"]
    for row in card.roles:
        shares = f"{row['score']:.3g} | {row['chance']:.3g}"
        name, probe = escaped(row["role"]), escaped(str(row.get("probe", "")))
        lines.append(f"| L{row['layer']} H{row['head']} | {name} | {shares} | {probe} |")
    with st.container(height=ROLES_HEIGHT if len(card.roles) > ROLES_IN_SIGHT else "content", border=False):
        st.markdown("\n".join(lines))
