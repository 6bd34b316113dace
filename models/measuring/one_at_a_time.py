"""One measurement at a time in this process: two at once would measure each other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from models.progress import Progress

ANOTHER = "Another measurement is running; this one begins after it"
LOOK_S = 0.2  # between two looks whether the other is done, and so how soon one that waits can be called off


class Turns:
    """Who measures now; whoever else asks waits, is told so, and goes away by raising from their progress."""

    def __init__(self) -> None:
        self._one = threading.Lock()

    @contextmanager
    def mine(self, progress: Progress) -> Iterator[None]:
        """Inside, no other measurement of this process runs."""
        while not self._one.acquire(timeout=LOOK_S):
            progress(ANOTHER, 0.0)
        try:
            yield
        finally:
            self._one.release()


TURNS = Turns()
