"""Where background work waits for its turn: a bounded number of threads for each sort, so that clicks come before studies.

One forward pass uses every processor there is. More of them at once would only take them from each other, so a lane has
few workers, and who comes later waits in a queue that the page shows.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch

from models.errors import HeadlightError
from models.progress import Progress

PROCESSORS_A_PASS = 4  # what one forward pass of a small model makes good use of
MOST_WAITING = 64
LOOK_S = 0.2  # between two tries to get a turn


class ServerBusy(HeadlightError):
    """So much work waits that no more is taken."""


@dataclass(eq=False, slots=True)
class Ticket:
    """One piece of work in a lane. owner: whose it is; nobody has a second one run while another visitor waits for a first."""

    owner: str
    run: Callable[[], None]
    begun: bool = field(default=False)


class Lane:
    """Threads that take up tickets in turn.

    niceness: how far these threads stand back behind the server's others, as in nice(1); on Linux alone.
    """

    def __init__(self, name: str, workers: int, niceness: int = 0, most_waiting: int = MOST_WAITING) -> None:
        self.name = name
        self._most, self._niceness, self._most_waiting = workers, niceness, most_waiting
        self._waiting: list[Ticket] = []
        self._running: Counter[str] = Counter()
        self._threads = 0
        self._changed = threading.Condition()

    def enter(self, ticket: Ticket) -> None:
        """Have it run as soon as its turn comes. Raises ServerBusy where too many wait already."""
        with self._changed:
            if len(self._waiting) >= self._most_waiting:
                raise ServerBusy(
                    f"{len(self._waiting)} pieces of work wait on this server already: try again in a moment."
                )
            self._waiting.append(ticket)
            if self._threads < self._most and self._threads < len(self._waiting) + self._running.total():
                self._threads += 1
                # Daemons: nobody waits for them when the server is told to end.
                threading.Thread(target=self._work, name=self.name, daemon=True).start()
            self._changed.notify()

    def leave(self, ticket: Ticket) -> None:
        """Take it out of the queue, where it still waits."""
        with self._changed, contextlib.suppress(ValueError):
            self._waiting.remove(ticket)

    def place(self, ticket: Ticket) -> int:
        """How many tickets come before it; 0 for one that runs or has run."""
        with self._changed:
            return self._waiting.index(ticket) if ticket in self._waiting else 0

    def _work(self) -> None:
        _stand_back(self._niceness)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                ticket = min(
                    self._waiting, key=lambda one: self._running[one.owner]
                )  # the first of the least served
                self._waiting.remove(ticket)
                self._running[ticket.owner] += 1
                ticket.begun = True
            try:
                ticket.run()
            finally:
                with self._changed:
                    self._running[ticket.owner] -= 1
                    self._running += Counter()  # forget whose count is 0


def _stand_back(niceness: int) -> None:
    if niceness:
        with contextlib.suppress(OSError, AttributeError):
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + niceness)


@contextlib.contextmanager
def turn(progress: Progress) -> Iterator[None]:
    """For what a page waits for: inside, few others read a text. Who waits is told so, and goes away by raising."""
    while not _turns.acquire(timeout=LOOK_S):
        progress("Others' texts are being read; yours is next", 0.0)
    try:
        yield
    finally:
        _turns.release()


_AT_ONCE = max(1, torch.get_num_threads() // PROCESSORS_A_PASS)
_turns = threading.BoundedSemaphore(_AT_ONCE)
CLICKS = Lane("click", _AT_ONCE)  # what a visitor waits for who has just clicked
EXTRAS = Lane("extra", _AT_ONCE, niceness=5)  # what comes with it a little later
STUDIES = Lane("study", _AT_ONCE + 1, niceness=10)  # what takes seconds to minutes
MEASURING = Lane("measuring", 1)  # what a clock is held to: one at a time, and it does not stand back
WRITING = Lane("writing", 2 * _AT_ONCE)  # two, which a page shows side by side
HEALING = Lane("healing", _AT_ONCE)  # each watches a process of its own
