"""What removing will do, before anything is removed: all of it formulas."""

from __future__ import annotations

import streamlit as st

import models
from viz.heads_off import Head
from viz.markdown import escaped
from viz.services import removal_race, removals
from viz.services.removals import Removal
from viz.views.prune import history
from viz.views.prune.presets import in_words
from viz.views.prune.subject import Subject

WIDTH = 210  # CSS pixels: two in a row beside what it can save
# Narrow pairs of columns lay rows inside of them out one below the other; these stay side by side.
_STYLE = "<style>.st-key-removal-numbers[class] { display: flex !important; flex-wrap: wrap; }</style>"


def sizes(wanted: Removal) -> None:
    """Heads, key/value heads, parameters and cache, then and now, and what belongs beside them."""
    cost = removals.cost(wanted)
    st.html(_STYLE)
    with st.container(horizontal=True, gap="small", key="removal-numbers"):
        _metric("Heads", sum(cost.heads_before), sum(cost.heads_after))
        _metric("Key/value heads", sum(cost.kv_heads_before), sum(cost.kv_heads_after))
        _metric("Parameters", cost.parameters_before, cost.parameters_after)
        if cost.cache_bytes_before:
            _metric("Cache, bytes a token", cost.cache_bytes_before, cost.cache_bytes_after)
    st.caption("*Formula*: what will be left, counted from shapes before anything is removed.")
    for note in cost.notes:
        st.markdown(f"- {escaped(note)}")


def _metric(name: str, was: int, left: int) -> None:
    st.metric(
        name, compact(left), f"{_change(was, left)} from {compact(was)}", delta_color="off", delta_arrow="off",
        help=f"{was:,} now, {left:,} once the heads are removed.", width=WIDTH,
    )  # fmt: skip


def _change(was: int, left: int) -> str:
    return "unchanged" if was == left else f"−{100 * (1 - left / was):.3g}%"


def compact(number: float) -> str:
    """At most three digits of a count that is too long for them."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if number >= size:
            return f"{number / (1000 if unit == 'k' else size):.3g} {unit}"
    return f"{number:,.0f}"


def speed_at_best(wanted: Removal) -> None:
    """How much faster it could become by the operations that go."""
    prompt, new = removal_race.lengths(wanted.original)
    reading, writing = removals.reading(wanted, prompt), removals.writing(wanted, prompt + new)
    st.markdown(
        "**What it can save at best**",
        help="Operations are counted by formula: matrices, scores and sums. A small model's time also goes into moving weights "
        "and starting each operation, which removing heads hardly changes.",
    )
    st.markdown(
        f"Heads take **{100 * reading.share:.3g}%** of the operations of reading {prompt:,} tokens; the smaller model needs "
        f"{100 * reading.left:.3g}% of all: **{1 / reading.left:.3g} ×** as fast."
        + (f" A step of writing: **{1 / writing.left:.3g} ×**." if writing else "")
    )
    st.caption("*Formula.* What comes of it is measured below.")


def offers(subject: Subject, wanted: Removal) -> None:
    """Nearby choices that grouped attention can do without more cheaply."""
    original = wanted.original
    if not _grouped(original):
        return
    whole = models.whole_groups(original, wanted.off, stack=wanted.stack)
    equal = models.equal_per_group(original, wanted.off, stack=wanted.stack)
    st.markdown(
        "**Heads share keys and values here**",
        help="With grouped queries several heads read one key/value head, which must stay as long as one of them does.",
    )
    _offer("Take whole groups", subject, wanted, whole, key="removal-whole")
    if equal != whole:
        _offer("Take equally many of each group", subject, wanted, equal, key="removal-equal")


def _grouped(model: models.AttentionModel) -> bool:
    """Whether some heads share a key/value head, and not all of their layer the same one."""
    return any(1 < one.kv_heads < one.heads for one in model.geometry.each_layer)


def _offer(name: str, subject: Subject, wanted: Removal, heads: tuple[Head, ...], *, key: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        chosen = heads == wanted.off
        every = len(heads) == len(subject.every)
        st.button(
            name, key=key, on_click=history.put, args=(heads,), disabled=chosen or not heads or every,
            width="content", help=f"Have {in_words(heads)} off instead; undo brings your choice back.",
        )  # fmt: skip
        st.caption(_offer_note(wanted, heads, chosen, every), width="content")


def _offer_note(wanted: Removal, heads: tuple[Head, ...], chosen: bool, every: bool) -> str:
    if chosen:
        return "That is what is chosen."
    if not heads:
        return "None: of no group enough heads are off."
    if every:
        return "That would be all heads."
    other = Removal(wanted.model, wanted.device, wanted.dtype, wanted.stack, heads)
    cost = removals.cost(other)
    parameters = _change(cost.parameters_before, cost.parameters_after)
    cache = _change(cost.cache_bytes_before, cost.cache_bytes_after)
    return f"{len(heads)} heads: parameters {parameters}, cache {cache}."
