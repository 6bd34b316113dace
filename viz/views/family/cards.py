"""What the four cost and how well they read, from their cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

import models
from models.loading.card import FILE, Card
from models.loading.catalog import WEIGHTS
from models.shape import family
from models.shape.attention_geometry import KIND_NAMES, Kind
from viz.figures.layout.config import WITHOUT_BAR
from viz.figures.loss_against_cache import loss_against_cache
from viz.markdown import escaped
from viz.views.columns import pair

SEEDS = "seeds"  # folder beside a card with a folder and a card for every further seed


def read_cards(weights: Path = WEIGHTS) -> tuple[dict[Kind, list[Card]], list[str]]:
    """For each kind its card and those of further seeds, and a sentence about what is missing or cannot be read."""
    found: dict[Kind, list[Card]] = {}
    complaints: list[str] = []
    missing: list[str] = []
    for kind in family.KINDS:
        folder = weights / family.family_name(kind)
        if not (folder / FILE).exists():
            missing.append(kind.upper())
            continue
        for place in (folder, *sorted(folder.glob(f"{SEEDS}/*/"))):
            try:
                found.setdefault(kind, []).append(Card.read(place))
            except models.HeadlightError as error:
                complaints.append(f"{kind.upper()}: {error}")
    if missing:
        complaints.append(
            f"{' and '.join(missing)} came without a card, so neither training nor validation loss can be shown."
        )
    return {kind: cards for kind, cards in found.items() if cards}, complaints


def cards(dark: bool) -> None:
    """Validation loss against cache size, a point a model, and the cards' numbers."""
    found, complaints = read_cards()
    st.markdown("#### What a smaller cache costs")
    for complaint in complaints:
        st.info(escaped(complaint), icon=":material/info:")
    if not found:
        return
    every = [card for of_kind in found.values() for card in of_kind]
    left, right = pair("cards", 0.5, 0.5)
    with left:
        st.plotly_chart(
            loss_against_cache(every, dark=dark),
            key="family-cache",
            theme=None,
            config=WITHOUT_BAR,
            alt="Validation loss against cache bytes per token, a point a model",
        )
    with right:
        _table(found)
    st.caption(_sources(every))


def _table(found: Mapping[Kind, Sequence[Card]]) -> None:
    firsts = [of_kind[0] for of_kind in found.values()]
    st.dataframe(
        {
            "": [card.kind.upper() + " · undertrained" * card.undertrained for card in firsts],
            "loss": [card.validation_loss for card in firsts],
            "perplexity": [card.validation_perplexity for card in firsts],
            "cache": [card.cache_bytes_per_token for card in firsts],
            "tokens seen": [card.tokens_seen for card in firsts],
            "parameters": [card.parameters for card in firsts],
        },
        key="family-cards",
        hide_index=True,
        column_config={
            "loss": st.column_config.NumberColumn(
                format="%.3f", help="Validation loss, nats per token (measured)."
            ),
            "perplexity": st.column_config.NumberColumn(format="%.1f", help="exp(loss)."),
            "cache": st.column_config.NumberColumn(
                format="localized", help="Bytes per token in bf16 (formula)."
            ),
            "tokens seen": st.column_config.NumberColumn(format="compact", help="In training."),
            "parameters": st.column_config.NumberColumn(
                format="localized", help="Weights, tied ones counted once."
            ),
        },
    )
    for kind, of_kind in found.items():
        if len(of_kind) > 1:
            losses = [card.validation_loss for card in of_kind]
            st.caption(
                f"{kind.upper()}, {len(losses)} seeds: loss {min(losses):.3f} to {max(losses):.3f} nats per token."
            )


def _sources(cards: Sequence[Card]) -> str:
    """Where the numbers are from: what was measured on what device and when, once where the cards agree."""
    measured = dict.fromkeys(
        f"on {card.device} ({card.threads} threads), {card.date[:10]}, {card.validation_tokens:,} validation tokens"
        for card in cards
    )
    sentence = f"Loss and perplexity: *measured* {escaped('; '.join(measured))}. Cache: *formula*, latents cached for MLA."
    late = [KIND_NAMES[card.kind] for card in cards if card.undertrained]
    if late:
        sentence += (
            f" **Undertrained**: {', '.join(dict.fromkeys(late))}; a difference between models that could still learn says "
            "little of their kinds of attention."
        )
    if all(sum(other.kind == card.kind for other in cards) == 1 for card in cards):
        sentence += " One seed each: differences smaller than what another seed would bring mean nothing."
    return sentence
