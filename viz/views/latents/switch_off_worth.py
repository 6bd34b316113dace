"""What each layer's latent is worth: shown while nothing is switched off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from viz import cut_effects
from viz.cut_effects import LayerWorth
from viz.figures.loss_change import layer_worth
from viz.latent_cuts import Part
from viz.obtain import complain, progress_bar, sentence
from viz.views.family.grid import pair
from viz.views.latents.subject import Subject

_CHART = "latent-worth"


def worth(subject: Subject, choose: Callable[[Part], None]) -> None:
    """How far the loss rises without one layer's latent, or its rotary key; a click on a bar switches just that off."""
    st.markdown(
        "#### What each layer's latent is worth",
        help="Measured: the mean loss of this text with the latent of one layer switched off, or the rotary key of one "
        "layer, less the loss with nothing off. Below zero, the text is foreseen better without it.",
    )
    if len(subject.run.tokens) < 2:
        st.info("One token alone has no loss: nothing stands before it. Type a longer text.")
        return
    found = _obtained(subject)
    if found is None:
        return
    left, right = pair("latent-worth", 0.62, 0.38)
    with left:
        st.plotly_chart(
            layer_worth(found.layers, found.whole, found.rotary, dark=subject.dark),
            key=_CHART,
            theme=None,
            config={"displaylogo": False, "displayModeBar": False},
            on_select=lambda: _choose(choose),
            selection_mode="points",
            alt="Rise of the mean loss without each layer's latent and rotary key",
        )
    with right:
        _table(found)
    st.caption(
        f"{_told(found)} Click a bar to switch just that off and see its effects. *Measured* on this text."
    )


def _obtained(subject: Subject) -> LayerWorth | None:
    """What was worked out, worked out now where that is quick, or when asked for."""
    request, known = subject.request, cut_effects.is_worth_known(subject.request)
    if not (known or cut_effects.is_worth_quick(request, subject.run) or _asked(subject)):
        return None
    try:
        if known:
            return cut_effects.layer_worth(request)
        with progress_bar(request, can_cancel=False) as progress:
            return cut_effects.layer_worth(request, progress)
    except Exception as error:
        complain(sentence(error, request))
    return None


def _asked(subject: Subject) -> bool:
    asked = st.button(
        "Measure", key="latent-worth-go", type="primary", help="Run the text with each layer's latent off."
    )
    if not asked:
        st.caption(
            f"This takes {2 * subject.run.layers()} passes over the text, which a model of this size does not do unasked. "
            "Run, in the sidebar, breaks it off."
        )
    return asked


def _choose(choose: Callable[[Part], None]) -> None:
    points: list[dict[str, Any]] = st.session_state[_CHART]["selection"]["points"]
    if points:
        layer = int(str(points[0]["x"]).removeprefix("L"))
        choose(Part(layer, "whole" if points[0].get("curve_number", 0) == 0 else "rotary"))


def _table(found: LayerWorth) -> None:
    rise = st.column_config.NumberColumn(format="%+.3f", help="Change of the mean loss, nats per token.")
    st.dataframe(
        {
            "layer": [f"L{layer}" for layer in found.layers],
            "whole latent off": list(found.whole),
            "rotary key off": [None if rise != rise else rise for rise in found.rotary],
        },
        key="latent-worth-table",
        hide_index=True,
        height=290 if len(found.layers) > 7 else "auto",
        column_config={"whole latent off": rise, "rotary key off": rise},
    )


def _told(found: LayerWorth) -> str:
    most = max(range(len(found.layers)), key=found.whole.__getitem__)
    return f"Without the latent of layer {found.layers[most]} the mean loss changes most: {found.whole[most]:+.3g} nats."
