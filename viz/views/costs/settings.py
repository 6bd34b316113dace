"""What the visitor wants measured: contenders, contexts, batches, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from viz import state
from viz.plain import plain
from viz.services.contenders import most_tokens
from viz.services.measurements import Plan
from viz.views.costs.entrants import MOST, SEPARATOR, chosen_names, entrants, label_of, offered_names
from viz.views.costs.shapes import shapes
from viz.views.obtain import complain

CONTEXTS = tuple(str(2**power) for power in range(7, 14))
BATCHES = ("1", "2", "4", "8", "16", "32", "64")
LONGEST_CONTEXT, MOST_TEXTS = 2**20, 4096
_CONTENDERS, _CONTEXTS, _BATCHES = "cost-contenders", "cost-contexts", "cost-batches"


@dataclass(frozen=True, slots=True)
class Numbers:
    """What could be read, sorted, and a sentence for each that could not."""

    counts: tuple[int, ...]
    refused: tuple[str, ...]


def settings() -> Plan | None:
    """The controls and the plan they make; what is wrong with it is said, and None comes back where nothing can be
    measured."""
    _picker()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="cost-settings"):
        contexts = _numbers(
            _CONTEXTS, state.CONTEXTS, CONTEXTS, "Contexts", "context", LONGEST_CONTEXT,
            "Tokens in the cache at the end: a prompt, and new tokens after it. Type any other number and press Enter.",
        )  # fmt: skip
        batches = _numbers(
            _BATCHES, state.BATCHES, BATCHES, "Batches", "batch", MOST_TEXTS,
            "Texts at once. Contexts are measured at the smallest batch, batches at the shortest context.",
        )  # fmt: skip
        _how()
        shapes()
    for sentence in (*contexts.refused, *batches.refused):
        complain(sentence)
    chosen = entrants()
    if not chosen:
        st.info("Choose at least one contender to measure.", icon=":material/info:")
        return None
    if not contexts.counts or not batches.counts:
        st.info("Choose at least one context and one batch.", icon=":material/info:")
        return None
    plan = Plan(
        chosen, contexts.counts, batches.counts, state.get(state.NEW_TOKENS), state.get(state.REPEATS)
    )
    _shortened(plan)
    return plan


def _picker() -> None:
    st.session_state[_CONTENDERS] = chosen_names()
    st.multiselect(
        "Contenders", offered_names(), key=_CONTENDERS, format_func=label_of, accept_new_options=True,
        max_selections=MOST, on_change=_keep, args=(_CONTENDERS, state.CONTENDERS, SEPARATOR),
        help="Choose any, or type a catalogue name, a Hub id or a folder and press Enter; @latent, @expanded or @absorbed "
        "after it says how latent attention keeps its cache. What you convert or prune on other pages is offered here, too.",
    )  # fmt: skip


def _numbers(
    widget: str, name: str, usual: Sequence[str], label: str, what: str, most: int, told: str
) -> Numbers:
    kept = [item.strip() for item in state.get(name).split(",") if item.strip()]
    st.session_state[widget] = list(dict.fromkeys(kept))
    with st.container(width=320):
        st.multiselect(
            label, list(dict.fromkeys([*usual, *kept])), key=widget, accept_new_options=True,
            format_func=_grouped, on_change=_keep, args=(widget, name, ","), help=told,
        )  # fmt: skip
    return read_numbers(kept, what, most)


def read_numbers(items: Sequence[str], what: str, most: int) -> Numbers:
    """Whole numbers from 1 to `most` from what was typed."""
    counts, refused = set(), []
    for item in items:
        digits = item.replace("_", "")
        if digits.isascii() and digits.isdigit() and 1 <= int(digits[:20]) <= most:
            counts.add(int(digits))
        else:
            refused.append(
                f"A {what} must be a whole number from 1 to {most:,}, but “{item[:40]}” came; take it out or type another."
            )
    return Numbers(tuple(sorted(counts)), tuple(refused))


def _grouped(item: str) -> str:
    return f"{int(item):,}" if item.isascii() and item.isdigit() and len(item) < 20 else item


def _keep(widget: str, name: str, separator: str) -> None:
    items = (str(item).replace(separator, " ").strip() for item in st.session_state[widget])
    state.put(**{name: separator.join(item for item in items if item)})


def _how() -> None:
    with st.popover("How", help="How many tokens are written, and how often all is repeated."):
        st.select_slider(
            "New tokens", state.NEW_TOKEN_COUNTS, key=state.NEW_TOKENS,
            help="The last tokens of a context, written one by one; the time of such a step is what decoding takes.",
        )  # fmt: skip
        st.select_slider(
            "Repeats", state.REPEAT_COUNTS, key=state.REPEATS,
            help="Contenders take turns, A B C A B C, after one run each that warms up; charts show medians and quartiles.",
        )  # fmt: skip


def _shortened(plan: Plan) -> None:
    """Who does not take the longest context, said once for each limit."""
    short: dict[int, list[str]] = {}
    for entrant in plan.entrants:
        most = most_tokens(entrant)
        if most is not None and most < plan.contexts[-1]:
            short.setdefault(most, []).append(plain(entrant.label))
    for most, labels in sorted(short.items()):
        verb = "takes" if len(labels) == 1 else "take"
        st.caption(
            f":material/content_cut: {', '.join(labels)} {verb} {most:,} tokens at most: longer contexts are measured at "
            f"{most:,}."
        )
