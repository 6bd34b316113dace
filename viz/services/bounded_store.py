"""Keep costly results in memory, up to a number of bytes, shared by everybody; the least recently used goes first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class BoundedStore(Generic[T]):
    """A result a key. Two visitors who ask for the same at once wait for one computation; others are not held up.

    limit: bytes to keep; weigh: bytes of one result. A single result over the limit is handed out and kept alone.
    """

    def __init__(self, limit: int, weigh: Callable[[T], int]) -> None:
        self._limit = limit
        self._weigh = weigh
        self._kept: OrderedDict[Hashable, T] = OrderedDict()
        self._making: set[Hashable] = set()
        self._changed = threading.Condition()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The result kept under `key`, made now if there is none. What `make` raises is passed on, and not kept.

        Who waits for a computation that fails makes a try of its own.
        """
        with self._changed:
            self._changed.wait_for(lambda: key in self._kept or key not in self._making)
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            self._making.add(key)
        try:
            result = make()
            with self._changed:
                self._kept[key] = result
                self._let_go()
            return result
        finally:
            with self._changed:
                self._making.discard(key)
                self._changed.notify_all()

    def __contains__(self, key: Hashable) -> bool:
        with self._changed:
            return key in self._kept

    @property
    def nbytes(self) -> int:
        with self._changed:
            return sum(map(self._weigh, self._kept.values()))

    def _let_go(self) -> None:
        sizes = {key: self._weigh(result) for key, result in self._kept.items()}
        total = sum(sizes.values())
        for key in list(self._kept)[:-1]:
            if total <= self._limit:
                return
            total -= sizes[key]
            del self._kept[key]
