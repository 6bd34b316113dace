"""Undo and redo of what is switched off; each visitor's own, in the session."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from viz import heads_off
from viz.heads_off import Head
from viz.state import keys, session

NONE = "none"  # in the address: the visitor wants all heads on, unlike "", where nobody has chosen yet
DEEPEST = 200


@dataclass(frozen=True, slots=True)
class History:
    """What stood in the address before the present choice, and what undo has taken back."""

    past: tuple[str, ...] = ()
    future: tuple[str, ...] = ()


def put(heads: Iterable[Head]) -> None:
    """Have these heads off, and no others; in a callback, or before the widgets are made."""
    wanted, present = heads_off.write(heads) or NONE, session.get(keys.OFF)
    if wanted != present:
        _keep(History((*_history().past, present)[-DEEPEST:]), wanted)


def undo() -> None:
    """Back to the choice before, if there is one."""
    past, future = _history().past, _history().future
    if past:
        _keep(History(past[:-1], (session.get(keys.OFF), *future)), past[-1])


def redo() -> None:
    """Forward to what undo took back, if it took something back."""
    past, future = _history().past, _history().future
    if future:
        _keep(History((*past, session.get(keys.OFF)), future[1:]), future[0])


def can_undo() -> bool:
    return bool(_history().past)


def can_redo() -> bool:
    return bool(_history().future)


def start_again() -> None:
    """Nobody has chosen anything yet."""
    _keep(History(), "")


def _history() -> History:
    return session.find(keys.HISTORY, History())


def _keep(history: History, off: str) -> None:
    session.put({keys.HISTORY: history, keys.OFF: off})
