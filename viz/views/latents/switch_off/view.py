"""Switch off parts of what a layer's heads read, for this visitor's view alone, and see what breaks."""

from __future__ import annotations

from typing import cast

import streamlit as st

import models
from viz import latent_cuts
from viz.latent_cuts import Kind, Part, Parts
from viz.markdown import escaped
from viz.state import keys, session
from viz.views.columns import column_style
from viz.views.explain import explain
from viz.views.latents.subject import Subject
from viz.views.latents.switch_off.effects import effects
from viz.views.latents.switch_off.worth import worth

HERE, EVERYWHERE = "this layer", "every layer"
_WAYS: dict[Kind, str] = {
    "strongest": "the strongest",
    "weakest": "the weakest",
    "all but": "all but the strongest",
}
_DIRECTIONS_HELP = (
    "Singular directions of this text's own latents in the layer, nothing switched off: the strongest are those along which "
    "the latents are longest. The weakest are counted from the end of those that the text uses, of which there are no more "
    "than it has tokens."
)


def switch_off(subject: Subject) -> None:
    """What to switch off, what is off, and its effects; with nothing off, what each layer's latent is worth."""
    column_style()
    parts = latent_cuts.read(session.get(keys.CUT))
    _controls(subject, parts)
    if parts:
        _listed(parts)
        _effects(subject, parts)
    else:
        worth(subject, lambda part: put((part,)))
    explain("Switch off")


def _effects(subject: Subject, parts: Parts) -> None:
    try:
        effects(subject, parts)
    except models.BadSelection as error:
        st.info(escaped(error), icon=":material/info:")


def put(parts: Parts) -> None:
    """Have these parts off, and no others."""
    session.put({keys.CUT: latent_cuts.write(parts)})


def _add(*more: Part) -> None:
    put((*latent_cuts.read(session.get(keys.CUT)), *more))


def _remove(group: Parts) -> None:
    put(tuple(part for part in latent_cuts.read(session.get(keys.CUT)) if part not in group))


def _controls(subject: Subject, parts: Parts) -> None:
    """A row of what can be switched off, in the chosen layer or in all."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        where = st.segmented_control(
            "Switch off in", (HERE, EVERYWHERE), default=HERE, key="latent-cut-where", required=True, width="content",
            format_func=lambda name: f"layer {subject.layer}" if name == HERE else name,
            help="No weight changes: what is off cannot be read in the runs of this view, and nobody else notices.",
        )  # fmt: skip
        layer = -1 if where == EVERYWHERE else subject.layer
        _whole_things(layer)
        with st.popover("Directions", help="Directions of the latents, strong or weak."):
            _directions(subject, layer)
        _dimensions(subject, layer, parts)


def _whole_things(layer: int) -> None:
    things: list[tuple[str, Kind, str]] = [
        ("Whole latent", "whole", "Nothing is left to read: the heads write nothing, their patterns come from positions."),
        ("Rotary key", "rotary", "Scores are then content alone: no head can tell where a token stands."),
    ]  # fmt: skip
    for name, kind, help_text in things:
        st.button(
            name, key=f"latent-cut-off-{kind}", help=help_text, on_click=_add, args=(Part(layer, kind),), width="content",
            icon=":material/power_settings_new:",
        )  # fmt: skip


def _directions(subject: Subject, layer: int) -> None:
    rank = subject.latent.shape[1]
    way = st.segmented_control(
        "Which", latent_cuts.DIRECTIONS, default=latent_cuts.DIRECTIONS[0], key="latent-cut-way", required=True,
        format_func=_WAYS.__getitem__, help=_DIRECTIONS_HELP,
    )  # fmt: skip
    count = st.number_input(
        "How many",
        1,
        rank,
        min(4, rank),
        key=f"latent-cut-count-{rank}",
        help=f"Of {rank}, the width of the latent.",
    )
    chosen = Part(layer, cast(Kind, way), int(count))
    st.button(
        "Switch off", key="latent-cut-directions", type="primary", on_click=_add, args=(chosen,),
        help="Add this to what is off.",
    )  # fmt: skip


def _dimensions(subject: Subject, layer: int, parts: Parts) -> None:
    """The dimensions that are off, as a list to choose from, and the map's own dimension at one click."""
    rank = subject.latent.shape[1]
    key = keys.cut_dimensions(layer, rank)
    off = [part.number for part in parts if (part.layer, part.kind) == (layer, "dimension")]
    session.put({key: [dim for dim in off if dim < rank]})  # what the address says, whoever changed it

    def changed() -> None:
        _remove(tuple(Part(layer, "dimension", dim) for dim in off))
        _add(*(Part(layer, "dimension", dim) for dim in session.get(key)))

    st.multiselect(
        "Dimensions", range(rank), key=key, on_change=changed, placeholder="Choose dimensions", width=260,
        help=f"Dimensions of the latent, 0 to {rank - 1}, that are set to zero.",
    )  # fmt: skip
    dimension = subject.dimension
    st.button(
        f"Dimension {dimension}", key="latent-cut-add", on_click=_add, args=(Part(layer, "dimension", dimension),),
        disabled=dimension in off, help="Switch off the dimension that is chosen in the map above.",
        icon=":material/power_settings_new:", width="content",
    )  # fmt: skip


def _listed(parts: Parts) -> None:
    """What is off, each with a button that takes it back."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="latent-cut-list"):
        st.markdown("**Off:**", width="content")
        for place, group in enumerate(latent_cuts.groups(parts)):
            st.button(
                latent_cuts.in_words(group), key=f"latent-cut-remove-{place}", on_click=_remove, args=(group,),
                help="Switch this on again.", icon=":material/close:", width="content",
            )  # fmt: skip
        st.button(
            "Switch all on again", key="latent-cut-clear", type="tertiary", on_click=put, args=((),),
            help="Read everything again.", width="content",
        )  # fmt: skip
