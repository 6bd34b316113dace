"""Loss, perplexity and divergence of the visitor's text, with and without the heads."""

from __future__ import annotations

import math

import streamlit as st
from torch import Tensor

from viz.services.ablations import Effect
from viz.views.prune.method import replaced_in_words
from viz.views.prune.presets import in_words
from viz.views.prune.subject import Subject

WIDTH = 180  # CSS pixels: two in a row beside the wall
# Narrow pairs of columns lay rows inside of them out one below the other; these stay side by side.
_STYLE = "<style>.st-key-prune-numbers[class] { display: flex !important; flex-wrap: wrap; }</style>"


def numbers(subject: Subject, effect: Effect) -> None:
    """Large, with the exact ones in their help."""
    ablation = effect.ablation
    before, after = ablation.loss_before, ablation.loss_after
    st.html(_STYLE)
    with st.container(horizontal=True, gap="small", key="prune-numbers"):
        if math.isfinite(after):
            _loss(before, after)
            _perplexity(before, after)
        if ablation.kl.isfinite().any():
            _divergence(ablation.kl)
        _attention_moved(effect)
    st.caption(
        f"*Measured* on this text, {in_words(ablation.off.heads)} off; {replaced_in_words(subject.choice.replaced_by)}."
    )
    why = _why_no_loss(subject, effect)
    if why:
        st.info(why, icon=":material/info:")


def _metric(name: str, value: str, beside: str, help_text: str) -> None:
    st.metric(name, value, beside, delta_color="off", delta_arrow="off", help=help_text, width=WIDTH)


def _loss(before: float, after: float) -> None:
    help_text = (
        f"{before:.6g} with all heads, {after:.6g} without: the mean over the text's tokens but the first."
    )
    _metric("Loss, nats per token", f"{after:.3g}", f"{_signed(after - before)} from {before:.3g}", help_text)


def _perplexity(before: float, after: float) -> None:
    one, other = math.exp(before), math.exp(after)
    help_text = (
        "The exponential of the loss: among how many equally likely tokens the model seems to waver. "
        f"{one:.6g} with all heads, {other:.6g} without."
    )
    _metric("Perplexity", short(other), f"× {short(other / one)} from {short(one)}", help_text)


def _divergence(kl: Tensor) -> None:
    mean, last = kl.nanmean().item(), kl[-1].item()
    help_text = (
        "How far the predictions with all heads are from those without, KL(before || after): "
        f"{mean:.6g} as a mean over all positions, {last:.6g} at the last."
    )
    _metric("KL, nats", f"{mean:.3g}", f"{last:.3g} at the last token", help_text)


def _attention_moved(effect: Effect) -> None:
    standing = effect.shift.clone()
    for layer, head in effect.ablation.off.heads:
        standing[layer, head] = math.nan
    if not standing.isfinite().any():
        return
    mean, most = standing.nanmean().item(), standing.nan_to_num(-1.0).max().item()
    help_text = (
        "Of the heads that are on: the share of their attention that went elsewhere (total variation distance, mean over the "
        f"tokens). {mean:.6g} as a mean over these heads, {most:.6g} at most."
    )
    _metric("Attention moved", f"{100 * mean:.3g}%", f"up to {100 * most:.3g}%", help_text)


def _why_no_loss(subject: Subject, effect: Effect) -> str:
    ablation = effect.ablation
    if math.isfinite(ablation.loss_after):
        return ""
    if subject.model.geometry.role != "encoder":
        return "One token alone has no loss: nothing stands before it. Type a longer text."
    if ablation.kl.isfinite().any():
        return "An encoder sees both sides of a token, so it has no loss per token; its predictions and patterns are compared."
    return "This encoder predicts no tokens, so there is neither a loss nor a KL; its heads' patterns are compared."


def short(number: float) -> str:
    """Three digits, without an exponent where that can be read."""
    return f"{number:.3g}" if number < 1000 or number >= 1e9 else f"{float(f'{number:.3g}'):,.0f}"


def _signed(number: float) -> str:
    return f"{number:+.3g}".replace("-", "−")
