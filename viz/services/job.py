"""Long work done by a thread of its own: it tells how far it is, and a click can end it.

What a fragment is busy with, no click inside of that fragment interrupts; see viz/views/writing.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from models.progress import Progress

T = TypeVar("T")


class Cancelled(Exception):
    """Raised inside of the work, where it tells its progress, once somebody has cancelled it."""


class Job(Generic[T]):
    """`work(progress)`, begun at once in the background; its result or what broke it off is kept.

    A cancelled job counts as over at once, although its thread may run on until it next tells its progress.
    """

    def __init__(self, work: Callable[[Progress], T]) -> None:
        self._work = work
        self._cancelled = threading.Event()
        self._told = ("Waiting for its turn", 0.0)
        self._result: T | None = None
        self._error: Exception | None = None
        # A daemon: nobody waits for it when the server is told to end.
        self._thread = threading.Thread(target=self._run, name="job", daemon=True)
        self._thread.start()

    @property
    def told(self) -> tuple[str, float]:
        """What is being done, and the fraction done, 0 to 1."""
        return self._told

    @property
    def running(self) -> bool:
        return self._thread.is_alive() and not self.cancelled

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    @property
    def result(self) -> T | None:
        """What the work gave, None before it is done and where it was broken off."""
        return self._result

    @property
    def error(self) -> Exception | None:
        """What broke it off, if something did; a cancel is no error."""
        return self._error

    def cancel(self) -> None:
        """End the work where it next tells its progress."""
        if self._thread.is_alive():
            self._cancelled.set()

    def wait(self, seconds: float) -> None:
        """Until the thread is done, but no longer than that."""
        self._thread.join(seconds)

    def _listen(self, message: str, fraction: float) -> None:
        if self.cancelled:
            raise Cancelled
        self._told = (message, min(max(fraction, 0.0), 1.0))

    def _run(self) -> None:
        try:
            self._result = self._work(self._listen)
        except Cancelled:
            pass
        except Exception as error:
            self._error = error
