"""The popover with heads to switch off at one click."""

from __future__ import annotations

import random

import streamlit as st

from viz.views.prune import history, least_important, presets
from viz.views.prune.presets import ROLES, in_words
from viz.views.prune.subject import Subject

MOST_SEEDS = 2**31


def preset_choice(subject: Subject) -> None:
    """Each replaces what is off; undo brings it back."""
    if subject.refusal:
        return
    with st.popover(
        "Presets", icon=":material/bolt:", help="Heads to switch off at one click.", key="prune-presets"
    ):
        st.caption("Each replaces what is off. Roles are those that heads show on this text.")
        _roles(subject)
        _counted(subject)
        _layer(subject)


def _roles(subject: Subject) -> None:
    with st.container(horizontal=True, gap="small"):
        for role in ROLES:
            heads = presets.of_role(subject.run, subject.stack, subject.every, role)
            st.button(
                f"{role.capitalize()} · {len(heads)}", key=f"prune-role-{role}", on_click=history.put, args=(heads,),
                disabled=not heads, help=f"All {role.replace(' token', '-token')} heads: {in_words(heads)}.", width="content",
            )  # fmt: skip


def _counted(subject: Subject) -> None:
    every = subject.every
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        count = int(
            st.number_input(
                "How many",
                1,
                len(every),
                min(5, len(every)),
                key=f"prune-preset-count-{len(every)}",
                width=130,
            )
        )
        why_not = least_important.why_not(subject)
        help_text = (
            "By gradient importance on this text (Michel et al. 2019), from one backward pass. They were chosen on it, so on "
            "other text they are missed more than here; the view Importance keeps the two apart."
        )
        st.button(
            f"{count} least important", key="prune-preset-least", on_click=least_important.begin,
            args=(subject, count), disabled=bool(why_not), width="content",
            help=why_not or help_text,
        )  # fmt: skip
        st.button(
            f"{count} random", key="prune-preset-random", on_click=_random, args=(subject, count), width="content",
            help="Another draw at each click.",
        )  # fmt: skip


def _random(subject: Subject, count: int) -> None:
    history.put(presets.at_random(subject.every, count, random.randrange(MOST_SEEDS)))


def _layer(subject: Subject) -> None:
    last = subject.run.layers(subject.stack) - 1
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        layer = int(
            st.number_input("Layer", 0, last, 0, key=f"prune-preset-layer-{subject.stack}-{last}", width=130)
        )
        st.button(
            f"All of layer {layer}", key="prune-preset-whole-layer", on_click=history.put, width="content",
            args=(presets.of_layer(subject.every, layer),), help="A click on its label beside the wall does so, too.",
        )  # fmt: skip
