"""Shapes without trained weights: choose the sizes, and measure what such a model would take."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import streamlit as st

import models
from models.measuring.random_shapes import PRESETS, RandomShape
from models.shape.attention_geometry import KIND_NAMES
from viz.markdown import escaped
from viz.services.contenders import MODES, Entrant, known_anatomy
from viz.state import keys, session
from viz.views.compare.entrants import add
from viz.views.compare.shape_names import shape_label, shape_name
from viz.views.obtain import complain

OWN = "sizes of my own"
_WORDS = {
    "layers": ("Layers", "Transformer layers."),
    "d_model": ("Width (d_model)", "Numbers that stand for a token between layers."),
    "heads": ("Heads", "Query heads of a layer."),
    "d_head": (
        "Head width (d_head)",
        "Of a query, key and value; for MLA of the key’s part without position.",
    ),
    "kv_heads": ("KV heads", "Key/value heads that the heads share; they must divide the heads."),
    "kv_lora_rank": ("Latent (kv_lora_rank)", "Numbers of the latent that is kept of a token."),
    "qk_rope_head_dim": ("Rotary key", "Width of the rotary key that all heads share."),
}
_ONLY = {"kv_heads": "gqa", "kv_lora_rank": "mla", "qk_rope_head_dim": "mla"}


def shapes() -> None:
    """A popover that adds such a shape to the contenders."""
    with st.popover("Random shape", help="Measure a shape without trained weights: time does not need them."):
        _begin()
        st.selectbox(
            "Scaled down from", [OWN, *PRESETS], key=keys.SHAPE_PRESET, on_change=_take_preset,
            help="Well-known models, made small enough to be measured here; heads stay as many as they are.",
        )  # fmt: skip
        preset = PRESETS.get(session.get(keys.SHAPE_PRESET))
        if preset is not None:
            st.caption(
                f"{escaped(preset.name)}: {preset.factor}, sizes from its config (*published*); random weights."
            )
        st.segmented_control(
            "Kind", list(KIND_NAMES), key=keys.SHAPE_KIND, required=True, format_func=str.upper, on_change=_own,
        )  # fmt: skip
        _sizes(session.get(keys.SHAPE_KIND))
        _offer(_shape())


def _key(name: str) -> str:
    """Of the widget for one of RandomShape's fields."""
    return keys.SHAPE_KIND if name == "kind" else keys.shape_size(name)


def _begin() -> None:
    if session.find(keys.SHAPE_PRESET) is None:
        session.put({keys.SHAPE_PRESET: "DeepSeek-V2-Lite"})
    if session.find(keys.SHAPE_KIND) is None:
        _take_preset()
    session.keep(*(_key(field.name) for field in fields(RandomShape)))


def _take_preset() -> None:
    preset = PRESETS.get(session.get(keys.SHAPE_PRESET))
    if preset is not None:
        session.put({_key(field.name): getattr(preset.shape, field.name) for field in fields(RandomShape)})


def _own() -> None:
    """What is changed is no longer the preset."""
    session.put({keys.SHAPE_PRESET: OWN})


def _sizes(kind: str) -> None:
    names = [name for name in _WORDS if _ONLY.get(name, kind) == kind]
    columns = st.columns(2)
    for index, name in enumerate(names):
        label, help_text = _WORDS[name]
        columns[index % 2].number_input(
            label, step=1, key=keys.shape_size(name), on_change=_own, help=help_text
        )


def _shape() -> RandomShape:
    """As the widgets say; what this kind has no use for is left out."""
    sizes: dict[str, Any] = {field.name: session.get(_key(field.name)) for field in fields(RandomShape)}
    needless: dict[str, Any] = {name: 0 for name, kind in _ONLY.items() if kind != sizes["kind"]}
    return RandomShape(**sizes | needless)


def _offer(shape: RandomShape) -> None:
    try:
        known = known_anatomy(Entrant(shape_label(shape), shape, "cpu", "auto"))
    except models.HeadlightError as error:
        complain(str(error))
        return
    if known is not None and known.weights is not None:
        st.caption(f"{known.weights.total / 1e6:,.3g} million weights (*formula*).")
    modes: list[str] = []
    if shape.kind == "mla":
        st.pills(
            "Latents kept", MODES, default=MODES[:1], selection_mode="multi", key=keys.SHAPE_CACHES,
            help="Each way to keep the past is a contender of its own.",
        )  # fmt: skip
        modes = list(session.get(keys.SHAPE_CACHES) or MODES[:1])
    name = shape_name(shape)
    st.button(
        "Add to the contenders", key="shape-add", type="primary", on_click=add,
        args=([f"{name}@{mode}" for mode in modes] or [name],),
    )  # fmt: skip
