"""How many heads can go: the prune curves, and what they come to in numbers."""

from __future__ import annotations

import dataclasses

import pandas as pd
import streamlit as st

import models
from models.pruning.order import ORDERS
from models.pruning.quality import Quantity
from viz.figures.layout.config import WITHOUT_BAR
from viz.figures.prune_curves import STYLES, prune_curves
from viz.services import importance as service
from viz.services.importance import Evaluation
from viz.views.columns import pair
from viz.views.prune.subject import Subject

MORE = 0.05
ALLOWED: dict[Quantity, str] = {
    "loss": "at most 5% more loss",
    "kl": "at most 0.05 nats of KL",
    "distance": "an output moved by at most 5%",
}


def curves(subject: Subject, evaluation: Evaluation) -> None:
    """The curves that are known so far, with the visitor's own choice among them."""
    known = [
        service.curve(evaluation, order) for order in ORDERS if service.is_curve_known(evaluation, order)
    ]
    if not known:
        return
    st.markdown(
        "#### How many heads can go",
        help="More and more heads off, in several orders. A knee (ring) is the point that lies farthest below the straight "
        "line from first to last: from there on heads cost more (Satopää et al. 2011).",
    )
    left, right = pair("importance-curve", 0.66, 0.34)
    with left:
        figure = prune_curves(
            known, chosen=_chosen(subject, evaluation), allowed=allowed(known[0]), dark=subject.dark
        )
        st.plotly_chart(
            figure, key="importance-curve", theme=None, config=WITHOUT_BAR,
            alt="How well the model does with more and more heads off, in several orders",
        )  # fmt: skip
    with right:
        st.markdown(f"**{finding(known)}**")
        st.dataframe(_table(known), hide_index=True, column_config=_COLUMNS, key="importance-removable")
        st.caption(
            f"Heads that can go for {ALLOWED[known[0].metric]}, and where the knee lies; of the points that were *measured*. "
            f"{ranked_on(evaluation)} Nothing is trained afterwards: with training more can go (published: 38 of "
            "48 heads of an encoder for -0.15 BLEU, Voita et al., arXiv 1905.09418)."
        )


def ranked_on(evaluation: Evaluation) -> str:
    """Whether the orders are flattered."""
    if service.read_texts(evaluation).held_out:
        return (
            "Heads were ranked on the text before the one they are measured on: ranked on the same, every order but the random "
            "one looks better than it is on other text, and the greedy one most."
        )
    return (
        "The text is too short to hold a part of it out: heads were ranked on what they are measured on, which flatters every "
        "order but the random one, and the greedy one most. On other text fewer can go."
    )


_COLUMNS = {
    "order": st.column_config.TextColumn("order"),
    "can go": st.column_config.TextColumn("can go", width="small"),
    "knee": st.column_config.TextColumn("knee", width="small"),
}


def _chosen(subject: Subject, evaluation: Evaluation) -> tuple[int, float] | None:
    """How many heads the visitor has off and what that gives on this text; None before it is measured."""
    if not subject.off or not service.is_without_known(evaluation, subject.off):
        return None
    return len(subject.off), service.without(evaluation, subject.off)


def allowed(curve: models.PruneCurve) -> float:
    """What `removable` compares with."""
    return float(curve.mean[0]) * (1 + MORE) if curve.metric == "loss" else MORE


def finding(known: list[models.PruneCurve]) -> str:
    """The curves in a sentence."""
    by_order = {curve.order: curve for curve in known}
    first = by_order.get("importance", known[0])
    share = first.removable(MORE)
    sentence = (
        f"{round(share * first.total)} of {first.total} heads ({share:.0%}) can go for {ALLOWED[first.metric]}, "
        f"{STYLES[first.order].name}"
    )
    if "random" not in by_order or first.order == "random":
        return sentence + "."
    low, high = spread(by_order["random"])
    return f"{sentence}; drawn at random, {low:.0%} to {high:.0%}."


def spread(curve: models.PruneCurve) -> tuple[float, float]:
    """The smallest and the largest share that can go, over the draws."""
    draws = [dataclasses.replace(curve, loss=row[None]).removable(MORE) for row in curve.loss]
    return min(draws), max(draws)


def _table(known: list[models.PruneCurve]) -> pd.DataFrame:
    rows = []
    for curve in known:
        low, high = spread(curve)
        share = f"{curve.removable(MORE):.0%}" if len(curve.loss) == 1 else f"{low:.0%} to {high:.0%}"
        rows.append(
            {
                "order": STYLES[curve.order].name,
                "can go": share,
                "knee": f"{curve.share[curve.knee].item():.0%}",
            }
        )
    return pd.DataFrame(rows)
