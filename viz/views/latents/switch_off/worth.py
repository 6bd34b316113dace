"""What the latents are worth: shown while nothing is switched off."""

from __future__ import annotations

from collections.abc import Callable

import plotly.graph_objects as go
import streamlit as st

from viz.figures.layout.config import WITHOUT_BAR
from viz.figures.loss_change import few_directions, layer_worth
from viz.latent_cuts import Part
from viz.services import Request, cut_effects
from viz.services.cut_effects import LayerWorth
from viz.state import keys, session
from viz.views.columns import pair
from viz.views.latents.background import is_begun, is_done
from viz.views.latents.subject import Subject

ENOUGH = 0.1  # nats: the text is then foreseen nearly as well


def worth(subject: Subject, choose: Callable[[Part], None]) -> None:
    """How far the loss rises without parts of the latents; a click on a bar or a point switches just that off."""
    if len(subject.run.tokens) < 2:
        st.info("One token alone has no loss: nothing stands before it. Type a longer text.")
        return
    found = _obtained(subject)
    if found is None:
        return
    left, right = pair("latent-worth", 0.6, 0.4)
    with left:
        st.markdown(
            "#### What each layer's latent is worth",
            help="The mean loss of this text with the latent, or the rotary key, of one layer switched off, less the loss "
            "with nothing off. Below zero, the text is foreseen better without it.",
        )
        figure = layer_worth(found.layers, found.whole, found.rotary, dark=subject.dark)
        _chart(
            figure,
            choose,
            key=keys.WORTH_CHART,
            alt="Rise of the mean loss without each layer's latent and rotary key",
        )
    with right:
        st.markdown(
            "#### How few directions are enough",
            help="The mean loss with all but the strongest directions of this text's latents switched off, in every layer "
            "at once, less the loss with nothing off. A text uses no more directions than it has tokens.",
        )
        figure = few_directions(found.kept, found.few, dark=subject.dark)
        _chart(
            figure,
            choose,
            key=keys.FEW_DIRECTIONS_CHART,
            alt="Rise of the mean loss where few directions are left",
        )
    st.caption(
        f"{_finding(found)} Click a bar or a point to switch just that off and see its effects. *Measured* on this text."
    )


def _chart(figure: go.Figure, choose: Callable[[Part], None], *, key: str, alt: str) -> None:
    st.plotly_chart(
        figure,
        key=key,
        theme=None,
        config=WITHOUT_BAR,
        on_select=lambda: _choose(key, choose),
        selection_mode="points",
        alt=alt,
    )


def _obtained(subject: Subject) -> LayerWorth | None:
    """What was worked out, worked out now where that is quick, or when asked for."""
    request, run = subject.request, subject.run
    if cut_effects.is_worth_known(request):
        return cut_effects.layer_worth(request, run)
    wanted = cut_effects.is_worth_quick(request, run) or session.find(keys.WORTH_ASKED) == request
    if not (wanted or is_begun(keys.WORTH_JOB, request)):
        _offer(subject)
        return None
    if is_done(
        keys.WORTH_JOB, request, request, lambda progress: cut_effects.layer_worth(request, run, progress)
    ):
        return cut_effects.layer_worth(request, run)
    return None


def _offer(subject: Subject) -> None:
    st.button(
        "Measure",
        key="latent-worth-go",
        type="primary",
        on_click=_ask,
        args=(subject.request,),
        help="Run the text with each layer's latent off, and with few directions.",
    )
    st.caption(
        f"This takes {cut_effects.worth_passes(subject.run)} passes over the text, which a model of this size does not do "
        "unasked. It can be cancelled."
    )


def _ask(request: Request) -> None:
    session.put({keys.WORTH_ASKED: request})


def _choose(key: str, choose: Callable[[Part], None]) -> None:
    points = session.clicked_points(key)
    if not points:
        return
    chosen = points[0]["x"]
    if key == keys.FEW_DIRECTIONS_CHART:
        choose(Part(-1, "all but", int(chosen)))
    else:
        choose(
            Part(int(str(chosen).removeprefix("L")), "rotary" if points[0].get("curve_number") else "whole")
        )


def _finding(found: LayerWorth) -> str:
    most = max(range(len(found.layers)), key=found.whole.__getitem__)
    sentence = f"Without the latent of layer {found.layers[most]} the mean loss changes most: {found.whole[most]:+.3g} nats."
    enough = [count for count, rise in zip(found.kept, found.few, strict=True) if rise < ENOUGH]
    return (
        f"{sentence} With {enough[0]} directions a layer it rises by less than {ENOUGH:.3g}."
        if enough
        else sentence
    )
