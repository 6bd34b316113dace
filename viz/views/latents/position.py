"""What every head makes of the one vector that is cached of the chosen token."""

from __future__ import annotations

import streamlit as st

import models
from models.look.latent_reading import position_reads
from viz.figures.head_bars import head_bars
from viz.figures.token_text import label
from viz.markdown import escaped
from viz.state import keys
from viz.views.latents.clickable_bars import clickable_bars
from viz.views.latents.subject import Subject

_HELP = (
    "Each head builds a key and a value of its own from this one latent: ‖W_UK c‖ and ‖W_UV c‖ (measured). The thin mark "
    "is the head's mean over this text. The rotary key, which all heads share, is left out. Click a bar to choose its head."
)


def position(subject: Subject) -> None:
    """Norms of the key and the value that each head builds of the chosen position."""
    token = escaped(label(subject.run.tokens[subject.position], 24))
    st.markdown(f"#### Position {subject.position}, {token}", help=_HELP)
    try:
        reads = position_reads(subject.run, subject.layer)
    except models.BadSelection as error:
        st.info(escaped(error), icon=":material/info:")
        return
    of_keys, of_values = reads.key_norms, reads.value_norms
    length = float(subject.latent[subject.position].norm())
    st.caption(
        f"Norm of the key and of the value that each head builds from it, *measured*; mark: the head's mean over the text. "
        f"Norm of the latent itself {length:.3g}."
    )
    figure = head_bars(
        of_keys[:, subject.position].numpy(),
        of_values[:, subject.position].numpy(),
        of_keys.mean(1).numpy(),
        of_values.mean(1).numpy(),
        measure="norm",
        mean_of="mean over the text",
        selected=subject.head,
        tops=(of_keys.max().item(), of_values.max().item()),
        dark=subject.dark,
    )
    clickable_bars(
        figure,
        subject,
        key=keys.POSITION_BARS,
        alt=f"What each head reads at position {subject.position}",
    )
