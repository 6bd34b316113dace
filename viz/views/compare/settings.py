"""What the visitor wants measured: contenders, contexts, batches, and how often."""

from __future__ import annotations

import re
from dataclasses import dataclass

import streamlit as st

from viz.markdown import escaped
from viz.services.contenders import most_tokens
from viz.services.measurements import Plan
from viz.state import choices, keys, session
from viz.views.compare.entrants import MOST, SEPARATOR, chosen_names, entrants, label_of, offered_names
from viz.views.compare.shapes import shapes
from viz.views.obtain import complain

LONGEST_CONTEXT, MOST_TEXTS = 2**20, 4096
MOST_COUNTS, LONGEST_LIST = 12, 200
_COUNT = re.compile("[1-9][0-9]{0,15}")


@dataclass(frozen=True, slots=True)
class Numbers:
    """What could be read, sorted, and a sentence for each that could not."""

    counts: tuple[int, ...]
    refused: tuple[str, ...]


def settings() -> Plan | None:
    """The controls and the plan they make; what is wrong with it is said, and None comes back where nothing can be
    measured."""
    picker()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="cost-settings"):
        contexts = _numbers(
            keys.CONTEXTS, "Contexts", "context", LONGEST_CONTEXT,
            "Tokens in the cache at the end, such as 128, 512, 2048: a prompt, and new tokens after it.",
        )  # fmt: skip
        batches = _numbers(
            keys.BATCHES, "Batches", "batch", MOST_TEXTS,
            "Texts at once, such as 1, 4, 16. Contexts are measured at the smallest batch, batches at the shortest context.",
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
        chosen, contexts.counts, batches.counts, session.get(keys.NEW_TOKENS), session.get(keys.REPEATS)
    )
    _shortened(plan)
    return plan


def picker() -> None:
    """Which contenders: what is chosen here is chosen in every view of the page."""
    session.put({keys.CONTENDERS_PICKER: chosen_names()})
    st.multiselect(
        "Contenders", offered_names(), key=keys.CONTENDERS_PICKER, format_func=label_of, accept_new_options=True,
        max_selections=MOST, on_change=_keep,
        help="Choose any, or type a catalogue name, a Hub id or a folder and press Enter; @latent, @expanded or @absorbed "
        "after it says how latent attention keeps its cache. What you convert or prune on other pages is offered here, too.",
    )  # fmt: skip


def _numbers(name: str, label: str, what: str, most: int, help_text: str) -> Numbers:
    st.text_input(label, key=name, max_chars=LONGEST_LIST, help=help_text, width=280)
    return read_numbers(session.get(name) or "", what, most)


def read_numbers(typed: str, what: str, most: int) -> Numbers:
    """Whole numbers from 1 to `most`, separated by commas or spaces."""
    counts, refused = set(), []
    for item in dict.fromkeys(re.split(r"[\s,;]+", typed.strip(" ,;"))):
        if _COUNT.fullmatch(item) and int(item) <= most:
            counts.add(int(item))
        elif item:
            refused.append(
                f"A {what} must be a whole number from 1 to {most:,}, written without a comma inside, but “{item[:40]}” came; "
                "change it there."
            )
    if len(counts) > MOST_COUNTS:
        refused.append(
            f"At most {MOST_COUNTS} numbers are measured in one run, so the largest ones are left out."
        )
    return Numbers(tuple(sorted(counts)[:MOST_COUNTS]), tuple(refused))


def _keep() -> None:
    items = (str(item).replace(SEPARATOR, " ").strip() for item in session.get(keys.CONTENDERS_PICKER))
    session.put({keys.CONTENDERS: SEPARATOR.join(item for item in items if item)})


def _how() -> None:
    with st.popover("How", help="How many tokens are written, and how often all is repeated."):
        st.select_slider(
            "New tokens", choices.NEW_TOKEN_COUNTS, key=keys.NEW_TOKENS,
            help="The last tokens of a context, written one by one; the time of such a step is what decoding takes.",
        )  # fmt: skip
        st.select_slider(
            "Repeats", choices.REPEAT_COUNTS, key=keys.REPEATS,
            help="Contenders take turns, A B C A B C, after one run each that warms up; charts show medians and quartiles.",
        )  # fmt: skip


def _shortened(plan: Plan) -> None:
    """Who does not take the longest context, said once for each limit."""
    short: dict[int, list[str]] = {}
    for entrant in plan.entrants:
        most = most_tokens(entrant)
        if most is not None and most < plan.contexts[-1]:
            short.setdefault(most, []).append(escaped(entrant.label))
    for most, labels in sorted(short.items()):
        verb = "takes" if len(labels) == 1 else "take"
        st.caption(
            f":material/content_cut: {', '.join(labels)} {verb} {most:,} tokens at most: longer contexts are measured at "
            f"{most:,}."
        )
