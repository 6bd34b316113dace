"""The head that was thrown off most by what is off, before and after."""

from __future__ import annotations

import math
from typing import Any

import plotly.graph_objects as go
import streamlit as st

import models
from viz.figures.layout.config import WITHOUT_BAR
from viz.figures.small_heatmap import small_difference, small_heatmap
from viz.services.ablations import Choice, Effect
from viz.state import keys, session
from viz.views.prune.presets import in_words
from viz.views.prune.subject import Subject
from viz.views.selected_head import SCORE_NAMES, head_name

LEAST = 0.02  # of a head's attention; below it nothing is said to have moved
OFFERED = 8
HEIGHT = 300
_HELP = (
    "*Measured*: the share of a head's attention that went elsewhere, the total variation distance of its rows, mean over the "
    "tokens. A score is the share of its attention that a head spends on one behaviour."
)
TOLD_SCORES = ("induction", "previous_token", "duplicate", "first_token", "self_attention")


def most_changed_head(subject: Subject, choice: Choice, effect: Effect) -> None:
    """A sentence on the head that moved most, and its pattern; others can be chosen."""
    ranked = models.most_changed(effect.shift, OFFERED + len(choice.off))
    heads = [change for change in ranked if _counts(change, choice)]
    if not heads:
        st.caption(_nobody_moved(subject, choice))
        return
    names = {head_name(head.layer, head.head): head for head in heads[:OFFERED]}
    first = next(iter(names))
    if session.find(keys.CHANGED_HEAD) not in names:
        session.put({keys.CHANGED_HEAD: first})
    st.markdown(f"#### {sentence(effect, heads[0], choice)}", help=_HELP)
    st.segmented_control(
        "Head", list(names), key=keys.CHANGED_HEAD, required=True, label_visibility="collapsed",
        format_func=lambda name: f"{name} · {100 * names[name].change:.3g}%",
        help="The heads that moved most, the most first.",
    )  # fmt: skip
    _patterns(subject, choice, effect, names[session.get(keys.CHANGED_HEAD)])


def sentence(effect: Effect, head: models.HeadChange, choice: Choice) -> str:
    """What moved most, and which of its scores fell or rose most; nothing that is not measured."""
    name, share = head_name(head.layer, head.head), f"{100 * head.change:.3g}%"
    text = f"{share} of the attention of {name} went elsewhere"
    where = (head.layer, head.head)
    one, other = (run.scores(choice.stack).values for run in (effect.ablation.before, effect.ablation.after))
    changes = {score: (other[score][where] - one[score][where]).item() for score in TOLD_SCORES}
    changes = {score: change for score, change in changes.items() if math.isfinite(change)}
    if not changes:
        return text
    score = max(changes, key=lambda name: abs(changes[name]))
    if abs(changes[score]) < 0.05:
        return text
    return f"{text}: its {SCORE_NAMES[score]} score went from {one[score][where]:.2f} to {other[score][where]:.2f}"


def _counts(change: models.HeadChange, choice: Choice) -> bool:
    return change.change >= LEAST and (change.layer, change.head) not in set(choice.off)


def _nobody_moved(subject: Subject, choice: Choice) -> str:
    last = subject.run.layers(choice.stack) - 1
    if min(layer for layer, _ in choice.off) == last:
        return "No other head's pattern moved: nothing of this stack comes after the last layer."
    return f"No other head's pattern moved by {100 * LEAST:.0f}% or more."


def _patterns(subject: Subject, choice: Choice, effect: Effect, head: models.HeadChange) -> None:
    where = (head.layer, head.head, choice.stack)
    before, after = (run.pattern(*where).numpy() for run in (effect.ablation.before, effect.ablation.after))
    rows, columns = subject.run.query_tokens(choice.stack), subject.run.key_tokens(choice.stack)
    top, name = max(float(before.max()), float(after.max())), head_name(head.layer, head.head)
    look: dict[str, Any] = {"key_tokens": columns, "dark": subject.dark, "height": HEIGHT}
    drawn: list[tuple[str, go.Figure]] = [
        (f"{name}, all heads on", small_heatmap(before, rows, top=top, **look)),
        (f"{name}, {in_words(choice.off)} off", small_heatmap(after, rows, top=top, **look)),
        ("Indigo more, orange less", small_difference(after, before, rows, **look)),
    ]
    for place, (column, (title, figure)) in enumerate(zip(st.columns(3, gap="small"), drawn, strict=True)):
        column.markdown(f"**{title}**")
        column.plotly_chart(
            figure, key=f"prune-moved-{place}", theme=None, config=WITHOUT_BAR, alt=title
        )  # fmt: skip
