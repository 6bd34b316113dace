"""Every head's importance by two measures, whether they agree, and the least important ones at a click."""

from __future__ import annotations

import math
from typing import Any

import plotly.graph_objects as go
import streamlit as st

import models
from models.pruning.quality import Quantity
from models.pruning.rank_agreement import rank_agreement
from models.pruning.ways import Passes
from viz.figures.head_grid import head_grid
from viz.figures.layout.config import WITHOUT_BAR
from viz.figures.rank_scatter import rank_scatter
from viz.heads_off import Head
from viz.markdown import escaped
from viz.services import importance as service
from viz.services.importance import Evaluation
from viz.state import keys, session
from viz.views.columns import pair
from viz.views.prune import history, presets
from viz.views.prune.method import replaced_in_words
from viz.views.prune.subject import Subject
from viz.views.selected_head import head_name

LEAST = 5
NEAR_CHANCE = 0.75  # of the loss of guessing evenly: such a text the model cannot read
RISES: dict[Quantity, tuple[str, str]] = {
    "loss": ("loss rises by", "nats per token"),
    "kl": ("predictions move by", "nats (KL)"),
    "distance": ("the output moves by", "of its length"),
}


# Said where a sweep could not take the quicker way.
_PASSES: dict[Passes, str] = {
    "resumed": "",
    "whole": " Layers of this model cannot be run without those below them, so heads took whole passes, several at once: "
    "slower, the same numbers.",
    "single": " This model’s heads can only be switched off one after the other, a whole pass each: slower, the same numbers.",
}


def heads(subject: Subject, evaluation: Evaluation) -> None:
    """What is known so far."""
    _measured_on(evaluation)
    if not service.is_importance_known(evaluation):
        return
    found = service.importance(evaluation)
    left, right = pair("importance-heads", 0.52, 0.48)
    with left:
        st.markdown(
            "#### What each head is worth",
            help="Each head switched off alone, all others on: leave-one-out importance (Michel et "
            "al. 2019, arXiv 1905.10650, section 3.2).",
        )
        _grid(subject, evaluation, found)
    with right:
        st.markdown(
            "#### Do two measures agree?",
            help="Gradient importance needs one backward pass for all heads: E|Att · dL/dAtt|, each layer divided by its "
            "length (Michel et al. 2019, section 4.1). It is what the loss would do if a head were turned down a little.",
        )
        _agreement(subject, evaluation, found)
    _least(subject, found)


def _measured_on(evaluation: Evaluation) -> None:
    read = service.read_texts(evaluation)
    where = "your file" if evaluation.text else "prose that comes with Headlight"
    stands = replaced_in_words(evaluation.replaced_by)
    if read.held_out:
        sentence = (
            f"Single heads are *measured*, and so ranked, on {read.ranked_tokens:,} tokens of {where} ({_count(read.ranked)}), "
            f"and sets of heads on the {read.measured_tokens:,} tokens after them ({_count(read.measured)}); {stands}."
        )
    else:
        sentence = (
            f"*Measured* on {read.measured_tokens:,} tokens of {where} ({_count(read.measured)}), too few to hold some of them "
            f"out for what is chosen by them; {stands}."
        )
    if evaluation.metric == "loss" and service.is_without_known(evaluation, ()):
        loss, even = service.without(evaluation, ()), math.log(evaluation.loaded.geometry.vocab)
        sentence += f" With all heads on: **{loss:.3g}** nats per token."
        if loss > NEAR_CHANCE * even:
            st.warning(
                f"The model can hardly read this text: its loss is {loss:.3g} nats per token with all heads on, and even "
                f"guessing among its {evaluation.loaded.geometry.vocab:,} tokens gives {even:.3g} (formula: ln of the "
                "vocabulary). What heads are worth here says little; choose a text in a language that it was trained on.",
                icon=":material/translate:",
            )
    st.caption(sentence)


def _count(texts: tuple[str, ...]) -> str:
    return f"{len(texts)} texts" if len(texts) > 1 else "one text"


def _grid(subject: Subject, evaluation: Evaluation, found: models.HeadImportance) -> None:
    measure, unit = RISES[evaluation.metric]
    # Where only the gradient is to come, the numbers of the first measure stand alone.
    beside = None
    if service.is_gradient_known(evaluation):
        beside = ("gradient importance", service.gradient(evaluation).normalized.numpy())
    figure = head_grid(
        found.mean.numpy(), measure=measure, unit=unit, off=subject.off, beside=beside,
        title=f"{measure}, {unit}", dark=subject.dark,
    )  # fmt: skip
    chart(
        figure,
        subject,
        key=keys.IMPORTANCE_GRID,
        alt="Leave-one-out importance of every head, layers down and heads across",
    )
    values = {head: found.mean[head].item() for head in subject.every}
    most = max(values, key=values.__getitem__)
    negative = sum(value < 0 for value in values.values())
    better = (
        f" {negative} of {len(values)} heads do harm here: without them the loss falls." if negative else ""
    )
    st.caption(
        f"**{head_name(*most)}** is missed most: without it {measure} {values[most]:.3g} {unit}.{better} "
        "Click a head to switch it off, or on again." + _PASSES[found.passes]
    )


def _agreement(subject: Subject, evaluation: Evaluation, found: models.HeadImportance) -> None:
    refusal = gradient_refusal(evaluation)
    if refusal:
        st.info(escaped(refusal), icon=":material/info:")
        return
    if not service.is_gradient_known(evaluation):
        return
    gradient = service.gradient(evaluation).normalized
    figure = rank_scatter(
        found.mean.numpy(),
        gradient.numpy(),
        names=("leave-one-out", "gradient"),
        off=subject.off,
        dark=subject.dark,
    )
    chart(
        figure,
        subject,
        key=keys.RANKS_SCATTER,
        alt="Each head's place by leave-one-out against its place by gradient",
    )
    agreement = rank_agreement(found.mean, gradient)
    st.caption(
        f"Spearman’s rank correlation **{agreement:.2f}**: 1 is the same order, 0 none at all. Top right are the heads that "
        "both hold most important."
    )


def chart(figure: go.Figure, subject: Subject, *, key: str, alt: str) -> None:
    """A figure whose points are heads: a click on one switches it off, or on again."""
    st.plotly_chart(
        figure, key=key, theme=None, config=WITHOUT_BAR,
        on_select=lambda: _toggle(key, figure, subject), selection_mode="points", alt=alt,
    )  # fmt: skip


def _toggle(key: str, figure: go.Figure, subject: Subject) -> None:
    points = session.clicked_points(key)
    if not points:
        return
    head = _head_of(points[0], key)
    if head is not None:
        history.put(set(subject.off) ^ {head})


def _head_of(point: dict[str, Any], key: str) -> Head | None:
    if key == keys.RANKS_SCATTER:
        custom = point.get("customdata") or [""]
        parts = str(custom[0]).removeprefix("L").split(" H")
        return (int(parts[0]), int(parts[1])) if len(parts) == 2 else None
    return int(point["y"]), int(point["x"])


def least_of(found: models.HeadImportance, subject: Subject, count: int) -> tuple[Head, ...]:
    """The `count` heads that are missed least."""
    return presets.least(found.mean.tolist(), subject.every, count)


def asked_count(subject: Subject) -> int:
    """How many of the least important the visitor asks for, before or after the control is drawn."""
    return min(int(session.find(keys.LEAST_COUNT, LEAST)), len(subject.every) - 1)


def _least(subject: Subject, found: models.HeadImportance) -> None:
    most = len(subject.every) - 1
    if most < 1:
        return
    session.put({keys.LEAST_COUNT: asked_count(subject)})  # before its widget is made
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        count = st.number_input(
            "Least important", 1, most, key=keys.LEAST_COUNT, width=140,
            help="How many of the heads that are missed least.",
        )  # fmt: skip
        chosen = least_of(found, subject, int(count))
        st.button(
            "Switch them off on the wall", key="importance-least", on_click=history.put, args=(chosen,), width="content",
            icon=":material/power_settings_new:", disabled=set(chosen) == set(subject.off) and not subject.example,
            help=f"Have just these off, and see above what that does to your text: {presets.in_words(chosen)}.",
        )  # fmt: skip


def gradient_refusal(evaluation: Evaluation) -> str:
    """Why there is no gradient importance, "" where there is."""
    model = evaluation.loaded
    if evaluation.metric == "loss":
        return ""
    if model.geometry.role == "encoder":
        return (
            f"{model.name} looks both ways, so it has no loss per token whose gradient could be taken: heads are ranked "
            "by leave-one-out alone."
        )
    return f"The weights of {model.name} have no language head, so there is no loss whose gradient could be taken."
