"""A selection that moves in the browser first.

The browser shows a pick at once and tells Python a moment later. Were Python to send every selection back, a slow
answer would pull the selection away from under a held arrow key, and the whole message would be new at every click.
So Python sends a selection only where it *differs* from what the browser has told: a new order with a new stamp. An
order the browser has seen already is ignored there, and an unchanged message costs nothing on the wire.
"""

import uuid
from collections.abc import Callable
from typing import Any

import streamlit as st


def order(key: str, wanted: Any) -> dict[str, Any]:
    """What to send so that the part with this key shows `wanted`: {"value": ..., "stamp": ...}."""
    memory = st.session_state.setdefault(_slot(key), {"shown": None, "order": None})
    if memory["order"] is None or memory["shown"] != wanted:
        memory["shown"] = wanted
        memory["order"] = {"value": wanted, "stamp": uuid.uuid4().hex[:12]}
    return memory["order"]


def on_pick(key: str, read: Callable[[Any], Any], tell: Callable[[Any], None] | None) -> Callable[[], None]:
    """Callback for the part's `pick` event: keeps what the browser shows now, and passes it on.

    read: turns what came from the browser into a selection, or None where it is none.
    """

    def picked() -> None:
        value = read(_raw_pick(key))
        if value is None:
            return
        memory = st.session_state.setdefault(_slot(key), {"shown": None, "order": None})
        memory["shown"] = value
        if tell is not None:
            tell(value)

    return picked


def read_integers(raw: Any, count: int) -> tuple[int, ...] | None:
    """A list of `count` whole numbers from the browser as a tuple; None for anything else."""
    if isinstance(raw, list) and len(raw) == count and all(type(number) is int for number in raw):
        return tuple(raw)
    return None


def _raw_pick(key: str) -> Any:
    state = st.session_state.get(key)
    return state.get("pick") if isinstance(state, dict) else None


def _slot(key: str) -> str:
    return f"_{key}_selection"
