"""Formation: how the heads of the family came to do what they do, step by step of their training."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

import models
from models.look.scores import ROLES
from models.shape.attention_geometry import KIND_NAMES, Kind
from models.shape.family import CONTEXT, WATCHED_WINDOWS, family_name
from viz.components.formation_player import Shown, formation_player
from viz.figures.formation_film import nearest_record
from viz.markdown import escaped
from viz.state import keys, session
from viz.views.explain import explain
from viz.views.formation.records import Record, read_records


def page() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.markdown("### Formation", width="content")
        st.caption(
            "Four models learn to read. Press play and watch their heads take on tasks; an *induction head* (I) learns to "
            "repeat what it has seen before.",
            width="content",
        )
    records, complaints = read_records()
    for complaint in complaints:
        st.info(escaped(complaint), icon=":material/info:")
    if records:
        player(records)


@st.fragment
def player(records: Mapping[Kind, Record]) -> None:
    """All that follows a choice: redrawn by itself, without the rest of the page."""
    session.hold_on()
    if session.get(keys.KIND) not in records:
        session.put({keys.KIND: next(iter(records))})
    st.segmented_control(
        "Attention",
        list(records),
        key=keys.KIND,
        format_func=lambda kind: f"{kind.upper()} · {KIND_NAMES[kind].removesuffix(' attention')}",
        required=True,
        label_visibility="collapsed",
        help="Whose heads are shown; the curves below show every kind.",
    )
    record = records[session.get(keys.KIND)]
    steps = record.curve.steps

    def select(shown: Shown) -> None:
        at_end = shown.record == len(steps) - 1
        step = None if at_end else steps[shown.record]
        session.put({keys.STEP: step, keys.LAYER: shown.layer, keys.HEAD: shown.head})

    formation_player(
        record.film,
        record.curve,
        [one.curve for one in records.values()],
        record.probe,
        key="formation",
        selected=Shown(nearest_record(steps, session.get(keys.STEP)), *_head(record)),
        on_select=select,
    )
    st.caption(
        "All *measured* on the probe while the models were trained; validation loss on text that none of them saw. "
        "Strongest: the highest score of all heads at that step, and whose it is. Chance: even attention over all visible "
        "tokens."
    )
    if (card := _card(session.get(keys.KIND))) is not None:
        _mixture(card)
        _two_losses(card, record)
    _missing_induction(records)
    explain("Formation")
    session.remember()


def _head(record: Record) -> tuple[int, int]:
    """The chosen head, moved inside the model; where none was chosen, the strongest of a behaviour that some head took on
    by the last record."""
    layer, head = session.get(keys.LAYER), session.get(keys.HEAD)
    if layer is None or head is None:
        taken_on = [name for name in ("induction", "previous_token") if _reached(record, name)]
        return record.curve.whose[taken_on[0] if taken_on else "induction"][-1]
    return min(layer, record.film.layers - 1), min(head, record.film.heads - 1)


def _reached(record: Record, name: str) -> bool:
    """Whether a head gives that behaviour, at the last record, the share of attention that a role is named after."""
    least = next(share for _, score, share in ROLES if score == name)
    return (record.curve.best[name][-1] or 0.0) >= least


def _card(kind: Kind) -> models.Card | None:
    try:
        return models.card_of(family_name(kind))
    except models.BadCard:
        return None


def _mixture(card: models.Card) -> None:
    """What was read: the corpus, and how much of it was made to repeat itself."""
    st.caption(f"**Trained on** {card.tokens_seen:,} tokens. {escaped(card.corpus)}. {escaped(card.repeats)}")


def _two_losses(card: models.Card, record: Record) -> None:
    """Why the last loss here is not the one on the model's card, which the page Family shows."""
    last = record.curve.loss[-1]
    if last is None:
        return
    sample = WATCHED_WINDOWS * (CONTEXT - 1)
    st.caption(
        f"The validation loss of {card.kind.upper()} ends at {last:.2f} here, while its card and the page Family say "
        f"{card.validation_loss:.2f}. What is drawn here was measured during the training, at every record on the same "
        f"sample of the validation text: {WATCHED_WINDOWS} windows spread evenly over it, {sample:,} tokens. The card’s was "
        f"measured after it on the whole text, {card.validation_tokens:,} tokens, with the weights as they are "
        "stored. Compare curves with curves, and cards with cards."
    )


def _missing_induction(records: Mapping[Kind, Record]) -> None:
    without = [kind.upper() for kind, record in records.items() if not _reached(record, "induction")]
    if without:
        st.caption(
            f"No head of {', '.join(without)} had become an induction head when the training ended: they read too little for "
            "that. To see some, open smollm2-135m on the page Explore."
        )


if __name__ == "__main__":  # as Streamlit runs it
    page()
