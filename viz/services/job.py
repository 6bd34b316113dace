"""Work behind a page: begun by a visitor, watched by the browser, ended by a click or when its visitor has gone.

The page draws once what there is, and a part of it in the browser asks the server from then on (see viz/routes.py and
viz/components/job_watch): while work goes on, no script runs. Nothing of it is a fragment that runs by a timer, since Streamlit
loses track of such a fragment inside another one when a busy server has not sent yet what the outer one drew before.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

from viz.services.lanes import STUDIES, Lane, ServerBusy, Ticket
from viz.services.visitors import Presence, visitor

T = TypeVar("T")

_jobs: WeakValueDictionary[str, Job[Any]] = WeakValueDictionary()


def find_job(token: str) -> Job[Any] | None:
    """The job with this token, which only the page that began it knows; None where nobody holds it any more."""
    return _jobs.get(token)


class Cancelled(Exception):
    """Raised inside of the work, where it tells its progress, once somebody has cancelled it."""


class Job(Generic[T]):
    """`work(job)`, done in a lane as soon as its turn comes; its result or what broke it off is kept.

    The work tells how far it is by calling the job, which is a Progress. A cancelled job counts as over at once, although its
    thread may run on until it next tells its progress. One whose visitor has closed the page is cancelled some time later.
    """

    def __init__(self, work: Callable[[Job[Any]], T], lane: Lane = STUDIES) -> None:
        owner = visitor()
        self.token = secrets.token_urlsafe(16)
        self._work: Callable[[Job[Any]], T] | None = work
        self._presence = Presence(owner)
        self._cancelled, self._over = threading.Event(), threading.Event()
        self._told = ("Starting", 0.0)
        self._revision = 0
        self._result: T | None = None
        self._error: Exception | None = None
        self._lane, self._ticket = lane, Ticket(owner, self._run)
        _jobs[self.token] = self
        try:
            lane.enter(self._ticket)
        except ServerBusy as busy:
            self._error = busy
            self._over.set()

    @property
    def told(self) -> tuple[str, float]:
        """What is being done, and the fraction done, 0 to 1."""
        if self._ticket.begun or not self.running:
            return self._told
        before = self._lane.place(self._ticket)
        return (
            f"Waiting for its turn, after {before} other{'s' * (before > 1)}" if before else "Next in turn"
        ), 0.0

    @property
    def revision(self) -> int:
        """Rises whenever there is more to draw than before."""
        return self._revision

    @property
    def running(self) -> bool:
        """Whether it goes on or waits for its turn."""
        return not self._over.is_set() and not self.cancelled

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

    def live(self) -> list[str] | None:
        """What the browser shows as it comes, without a script's help; None where there is no such thing."""
        return None

    def announce(self) -> None:
        """From within the work: there is something new to draw."""
        self._revision += 1

    def cancel(self) -> None:
        """End the work where it next tells its progress, or before it has begun."""
        if self._over.is_set():
            return
        self._cancelled.set()
        self._lane.leave(self._ticket)
        if not self._ticket.begun:
            self._end()

    def wait(self, seconds: float) -> None:
        """Until it is over, but no longer than that."""
        self._over.wait(seconds)

    def check(self) -> None:
        """From within the work: raises Cancelled once nobody wants it any more."""
        if self._presence.gone:
            self._cancelled.set()
        if self.cancelled:
            raise Cancelled

    def __call__(self, message: str, fraction: float) -> None:
        """From within the work: what is being done, and the fraction done, 0 to 1. Raises Cancelled as `check` does."""
        self.check()
        self._told = (message, min(max(fraction, 0.0), 1.0))

    def _run(self) -> None:
        work = self._work
        try:
            self.check()
            assert work is not None
            self._result = work(self)
        except Cancelled:
            pass
        except Exception as error:
            self._error = error
        except (
            BaseException
        ) as error:  # a panic in a Rust extension is no Exception, and must not end the lane's thread
            self._error = RuntimeError(f"{type(error).__name__}: {error}")
        finally:
            self._end()

    def _end(self) -> None:
        self._work = None  # what it closes over is not kept for as long as the job is
        self._ticket.run = _nothing  # nor the job by its own ticket, until somebody collects garbage
        self._over.set()


def _nothing() -> None:
    """What is left of work that is over."""
