"""Who uses the chosen latent dimension, and which tokens excite it."""

from __future__ import annotations

import streamlit as st
from torch import Tensor

import models
from viz.figures.head_bars import head_bars
from viz.figures.token_text import label
from viz.markdown import escaped
from viz.services import latent_readings
from viz.state import keys
from viz.views.latents.clickable_bars import clickable_bars
from viz.views.latents.subject import Subject

MOST = 4  # tokens named on either side
_HELP = (
    "How far a head's key (its value) moves when this dimension moves by one: the norm of that column of the head's W_UK "
    "(W_UV). From the weights alone, whatever the text. The thin mark is the head's mean over all dimensions."
)


def dimension(subject: Subject) -> None:
    """Column norms of the chosen dimension per head, and the tokens where it is largest either way."""
    st.markdown(f"#### Dimension {subject.dimension}", help=_HELP)
    st.caption(exciting_tokens(subject.run.tokens, subject.latent[:, subject.dimension]))
    try:
        usage = latent_readings.use_of_dimensions(subject.request, subject.layer)
    except models.BadSelection as error:
        st.info(escaped(error), icon=":material/info:")
        return
    st.caption(
        "Norm of its column of each head's W_UK and W_UV, from the *weights*; mark: mean over dimensions."
    )
    figure = head_bars(
        usage.key_norms[:, subject.dimension].numpy(),
        usage.value_norms[:, subject.dimension].numpy(),
        usage.key_norms.mean(1).numpy(),
        usage.value_norms.mean(1).numpy(),
        measure="column norm",
        mean_of="mean over dimensions",
        selected=subject.head,
        tops=(usage.key_norms.max().item(), usage.value_norms.max().item()),
        dark=subject.dark,
    )
    clickable_bars(
        figure,
        subject,
        key=keys.DIMENSION_BARS,
        alt=f"Which heads use latent dimension {subject.dimension}",
    )


def exciting_tokens(tokens: tuple[str, ...], values: Tensor) -> str:
    """The tokens where a dimension is largest and where it is smallest, with its value; only what has that sign."""
    order = values.argsort(descending=True, stable=True).tolist()
    high = [pos for pos in order[:MOST] if values[pos] > 0]
    low = [pos for pos in order[::-1][:MOST] if values[pos] < 0]
    parts = []
    for sign, positions in (("highest", high), ("lowest", low)):
        named = [
            f"**{escaped(label(tokens[pos], 16))}** {_signed(values[pos].item())} ({pos})"
            for pos in positions
        ]
        if named:
            parts.append(f"{sign} at {', '.join(named)}")
    return f"*Measured*: {'; '.join(parts)}." if parts else "It is 0 at every token of this text."


def _signed(value: float) -> str:
    return f"{value:+.3g}".replace("-", "−")
