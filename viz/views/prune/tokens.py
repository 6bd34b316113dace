"""Which tokens of the text became harder to foresee without the heads."""

from __future__ import annotations

import streamlit as st
from torch import Tensor

from viz.figures.change_strip import change_strip
from viz.figures.token_text import label
from viz.markdown import escaped
from viz.services.ablations import Effect
from viz.views.prune.subject import Subject

MOST_NAMED = 3
LEAST_NAMED = 0.1  # nats


def tokens(subject: Subject, effect: Effect) -> None:
    """The text, coloured by the change of each token's loss; an encoder's by how far its predictions moved."""
    ablation, names = effect.ablation, subject.run.tokens
    if ablation.delta_loss.isfinite().any():
        _titled("Change of each token's loss", _named(names, ablation.delta_loss))
        hovers = [
            _hover(pos, token, *triple)
            for pos, (token, *triple) in enumerate(
                zip(
                    names,
                    ablation.token_loss_before,
                    ablation.token_loss_after,
                    ablation.delta_loss,
                    strict=True,
                )
            )
        ]
        st.html(change_strip(ablation.delta_loss, names, hovers, signed=True, dark=subject.dark))
    elif ablation.kl.isfinite().any():
        _titled("How far the prediction at each token moved", "KL, nats")
        hovers = [
            f"{label(token, 24)} ({pos}): KL {kl:.5g} nats"
            for pos, (token, kl) in enumerate(zip(names, ablation.kl, strict=True))
        ]
        st.html(change_strip(ablation.kl, names, hovers, signed=False, dark=subject.dark))


def _titled(title: str, more: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.markdown(
            f"**{title}**", width="content", help="*Measured*, nats. Hover over a token for the numbers."
        )
        st.caption(more)


def _hover(pos: int, token: str, before: Tensor, after: Tensor, change: Tensor) -> str:
    if not change.isfinite():
        return f"{label(token, 24)} ({pos}): nothing stands before it, so it has no loss"
    return f"{label(token, 24)} ({pos}): {before:.5g} → {after:.5g} nats, {change:+.5g}"


def _named(names: tuple[str, ...], change: Tensor) -> str:
    """Indigo and orange in words, and the tokens that changed most either way."""
    order = change.nan_to_num(0.0).argsort(descending=True, stable=True).tolist()
    worse = [pos for pos in order[:MOST_NAMED] if change[pos] > LEAST_NAMED]
    better = [pos for pos in order[::-1][:MOST_NAMED] if change[pos] < -LEAST_NAMED]
    parts = ["indigo: harder to foresee without them", "orange: easier"]
    for how, positions in (("hardest hit", worse), ("easier", better)):
        if positions:
            listed = (
                f"**{escaped(label(names[pos], 16))}** {_signed(change[pos].item())}" for pos in positions
            )
            parts.append(f"{how}: {', '.join(listed)}")
    return " · ".join(parts)


def _signed(value: float) -> str:
    return f"{value:+.3g}".replace("-", "−")
