"""The wall on which heads are switched off, and the buttons above it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from torch import Tensor

from viz import services
from viz.components.prune_wall import prune_wall
from viz.views.prune import history
from viz.views.prune.preset_choice import preset_choice
from viz.views.prune.subject import Subject

WALL_HEIGHT = 560
_HELP = (
    "Click a head to switch it off, or on again; Shift and a click does the same to all from the last one to it; a click on a "
    "label, such as L3 or H5, takes the whole layer or column. By keys: arrows move, Space switches, Shift+Space the layer, "
    "Ctrl+Space the column. A teal frame is a head whose attention moved."
)


def toolbar(subject: Subject) -> None:
    """What changes the choice as a whole."""
    inverted = tuple(head for head in subject.every if head not in set(subject.off))
    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", key="prune-toolbar", width="content"
    ):
        _button(
            "Undo", "undo", "Back to the choice before.", history.can_undo(), history.undo, key="prune-undo"
        )
        _button("Redo", "redo", "Take the undo back.", history.can_redo(), history.redo, key="prune-redo")
        all_on = not subject.off or bool(subject.refusal)
        _button(
            "All on",
            "restart_alt",
            "Switch all heads on.",
            not all_on,
            lambda: history.put(()),
            key="prune-reset",
        )
        st.button(
            "Invert", key="prune-invert", icon=":material/invert_colors:", disabled=bool(subject.refusal),
            help="Switch on what is off, and off what is on.", on_click=history.put, args=(inverted,), width="content",
        )  # fmt: skip
        preset_choice(subject)


def _button(name: str, icon: str, help_text: str, enabled: bool, do: Callable[[], None], *, key: str) -> None:
    st.button(
        name, key=key, icon=f":material/{icon}:", help=help_text, disabled=not enabled, on_click=do, width="content"
    )  # fmt: skip


def wall(subject: Subject, shift: Tensor | None) -> None:
    """All heads. shift: how far their patterns moved with just these heads off [layer, head], None where it is unknown."""
    if not subject.refusal:
        st.markdown("**Click a head to switch it off**", help=_HELP)
    run, stack = subject.run, subject.stack
    scores = run.scores(stack)
    prune_wall(
        services.atlas(subject.request, run, stack),
        key=f"prune-wall-{stack}",
        off=subject.off,
        roles=[
            [scores.role(layer, head) for head in range(run.heads(layer, stack))]
            for layer in range(run.layers(stack))
        ],
        scores={name: values.numpy() for name, values in scores.values.items()},
        pattern_change=None if shift is None else shift.numpy(),
        frozen=bool(subject.refusal),
        max_height=WALL_HEIGHT,
        on_change=history.put,
    )
