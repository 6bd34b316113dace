"""Which layer's latents are shown."""

from __future__ import annotations

import streamlit as st

from viz.state import keys, session
from viz.views.latents.subject import Subject, latent_layers

BUTTONS = 12  # layers that a row of buttons has room for


def layer_choice(subject: Subject) -> None:
    """Buttons, or a slider where there are many layers; the layer is the one that all pages know."""
    layers = latent_layers(subject.run)
    session.put({keys.LAYER_PICKER: subject.layer})
    options = {
        "key": keys.LAYER_PICKER,
        "format_func": lambda layer: f"L{layer}",
        "on_change": _choose,
        "args": (subject.head,),
        "help": "Every layer caches a latent of its own for each token.",
    }
    if len(layers) == 1:
        st.caption(f"Latents in layer {layers[0]} alone.")
    elif len(layers) <= BUTTONS:
        st.segmented_control("Layer", layers, required=True, label_visibility="collapsed", **options)
    else:
        st.select_slider("Layer", layers, **options)


def _choose(head: int) -> None:
    session.put({keys.LAYER: session.get(keys.LAYER_PICKER), keys.HEAD: head})
