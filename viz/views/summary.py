"""What was run, in one line, and what must be said about it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

import models
from models.shape.attention_geometry import FORM_NAMES, KIND_NAMES
from viz import services
from viz.markdown import escaped
from viz.services import Request
from viz.views.card import UNDERTRAINED, card_button
from viz.views.reading_notes import marks_note


def summary(request: Request, run: models.Capture) -> None:
    """Model, kind, sizes and notices of a run."""
    model = services.model_of(request)
    card = _card(request)
    line, more = " · ".join(_facts(model, run, card)), _more(model, run)
    if card is None:
        st.caption(line, help=more)
    else:
        with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False):
            st.caption(line, help=more)
            card_button(card)
    if run.dropped:
        st.warning(cut(request, model, run), icon=":material/content_cut:")
    marks_note(request, model)
    if model.note:
        st.caption(f":material/info: {escaped(model.note)}")


def _card(request: Request) -> models.Card | None:
    try:
        return models.card_of(request.model)
    except models.BadCard as error:
        st.caption(f":material/info: {escaped(str(error))}")
        return None


def cut(request: Request, model: models.AttentionModel, run: models.Capture) -> str:
    """That a text was cut, where, and what to do about it."""
    context = model.geometry.context
    if context is not None and context <= request.max_tokens:
        limit, advice = context, "this model reads no more."
    else:
        limit = request.max_tokens
        advice = "raise “Tokens at most” under “Device and limits” to read more."
    return f"The text is cut: {run.dropped:,} tokens beyond the limit of {limit:,} are left out; {advice}"


def _facts(model: models.AttentionModel, run: models.Capture, card: models.Card | None) -> list[str]:
    shape = model.geometry
    heads = sum(run.heads(layer, stack) for stack in run.stacks for layer in range(run.layers(stack)))
    facts = [
        f"**{KIND_NAMES[shape.kind]}** ({shape.kind.upper()})"
        if shape.form == "dot product"
        else f"**{FORM_NAMES[shape.form]}**",
        _sizes(shape),
        f"{heads} pattern{'s' * (heads > 1)} on {len(run.tokens)} tokens",
        f"{model.device}, {str(model.dtype).removeprefix('torch.')}",
    ]
    if card is not None and card.undertrained:
        facts.insert(0, f"**{escaped(card.name)}** {UNDERTRAINED}")
    return facts


def _more(model: models.AttentionModel, run: models.Capture) -> str:
    """What is not looked for every day."""
    sentences = f"{run.nbytes / 1e6:.3g} MB are kept of this run."
    difference = model.plan.eager_difference
    if difference is not None and model.plan.route == "registry":
        sentences += (
            f" Attention is within {difference:.1g} of transformers’ own eager attention (measured at load)."
        )
    return sentences


def _sizes(shape: models.Geometry) -> str:
    heads = _range(shape.heads_per_layer, shape.heads)
    sizes = f"{shape.layers} layer{'s' * (shape.layers > 1)} x {heads} head{'s' * (heads != '1')}"
    if shape.encoder_layers is not None:
        sizes = f"encoder {shape.encoder_layers} layers x {shape.encoder_heads} heads, decoder {sizes}"
    kv_heads = _range(shape.kv_heads_per_layer, shape.kv_heads)
    return sizes + (f", {kv_heads} key/value heads" if kv_heads != heads else "")


def _range(listed: Sequence[int] | None, alike: int) -> str:
    """One number, or from the least to the most where layers differ."""
    return f"{alike}" if listed is None else f"{min(listed)} to {max(listed)}"
