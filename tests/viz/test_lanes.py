"""Work behind a page waits for its turn, each visitor's in turn with others', and ends with its visitor."""

import asyncio
import contextlib
import json
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from starlette.requests import Request

from viz import routes
from viz.services import job as jobs
from viz.services import visitors
from viz.services.job import Job, find_job
from viz.services.lanes import Lane, ServerBusy, turn

PATIENCE_S = 20


@pytest.fixture
def who(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Be this visitor from now on."""

    def become(name: str) -> None:
        monkeypatch.setattr(jobs, "visitor", lambda: name)

    become("ann")
    return become


@pytest.fixture
def hold() -> threading.Event:
    """Set, it lets the first work end."""
    return threading.Event()


def blocked(lane: Lane, hold: threading.Event) -> Job[str]:
    """A job that fills the lane's one place."""
    begun = threading.Event()

    def work(_: Any) -> str:
        begun.set()
        assert hold.wait(PATIENCE_S)
        return "first"

    job = Job(work, lane)
    assert begun.wait(PATIENCE_S)
    return job


def test_one_at_a_time_and_the_place_in_the_queue_is_told(hold: threading.Event):
    lane, order = Lane("test", 1), list[int]()
    first = blocked(lane, hold)
    later = [Job(lambda _, number=number: order.append(number), lane) for number in range(3)]
    assert [job.told[0] for job in later] == [
        "Next in turn", "Waiting for its turn, after 1 other", "Waiting for its turn, after 2 others"
    ]  # fmt: skip
    hold.set()
    for job in (first, *later):
        job.wait(PATIENCE_S)
    assert (order, first.result) == ([0, 1, 2], "first")


def test_a_visitor_with_much_work_does_not_hold_up_one_with_little(
    hold: threading.Event, who: Callable[[str], None]
):
    lane, order, both = Lane("test", 2), list[str](), threading.Barrier(3, timeout=PATIENCE_S)
    blocked(lane, hold)

    def wait(_: Any) -> None:
        both.wait()

    second = Job(wait, lane)  # ann's too: both places are hers
    anns = Job(lambda _: order.append("ann"), lane)
    who("bob")
    bobs = Job(lambda _: order.append("bob"), lane)
    threading.Timer(0.1, both.abort).start()  # her second ends, her first goes on
    second.wait(PATIENCE_S)
    bobs.wait(PATIENCE_S)
    anns.wait(PATIENCE_S)
    hold.set()
    assert order == ["bob", "ann"]


def test_work_that_has_ended_is_not_held_against_a_visitor(hold: threading.Event, who: Callable[[str], None]):
    lane, order = Lane("test", 1), list[str]()
    Job(lambda _: None, lane).wait(PATIENCE_S)  # ann's
    who("carol")
    blocked(lane, hold)
    who("ann")
    anns = Job(lambda _: order.append("ann"), lane)
    who("bob")
    bobs = Job(lambda _: order.append("bob"), lane)
    hold.set()
    anns.wait(PATIENCE_S)
    bobs.wait(PATIENCE_S)
    assert order == ["ann", "bob"]


def test_what_waits_is_cancelled_at_once_and_never_runs(hold: threading.Event):
    lane, ran = Lane("test", 1), list[int]()
    blocked(lane, hold)
    job = Job(lambda _: ran.append(1), lane)
    job.cancel()
    assert (job.running, job.cancelled) == (False, True)
    job.wait(PATIENCE_S)
    last = Job(lambda _: 2, lane)
    assert last.told[0] == "Next in turn"
    hold.set()
    last.wait(PATIENCE_S)
    assert (ran, last.result) == ([], 2)


def test_work_that_is_cancelled_before_it_began_is_let_go_of(hold: threading.Event):
    lane, thing = Lane("test", 1), threading.Event()
    blocked(lane, hold)
    job = Job(partial(lambda kept, _: kept.set(), thing), lane)
    job.cancel()
    known = weakref.ref(thing)
    del thing
    assert known() is None
    hold.set()


def test_what_a_visitor_has_let_go_of_is_not_held_by_an_idle_lane():
    lane = Lane("test", 1)
    job = Job(lambda _: 1, lane)
    job.wait(PATIENCE_S)
    known = weakref.ref(job)
    del job
    end = time.monotonic() + PATIENCE_S
    while known() is not None and time.monotonic() < end:
        time.sleep(0.01)
    assert known() is None


def test_a_turn_is_given_back_even_by_one_that_fails():
    def nobody_waits(message: str, fraction: float) -> None:
        raise AssertionError(message)

    for _ in range(2 * torch.get_num_threads()):
        with contextlib.suppress(ValueError), turn(nobody_waits):
            raise ValueError


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has a niceness of its own on Linux alone")
def test_studies_stand_back_behind_what_a_visitor_waits_for():
    own = os.getpriority(os.PRIO_PROCESS, 0)
    job = Job(
        lambda _: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()), Lane("test", 1, niceness=3)
    )
    job.wait(PATIENCE_S)
    assert job.result == min(own + 3, 19)


def test_a_full_lane_says_so(hold: threading.Event):
    lane = Lane("test", 1, most_waiting=2)
    blocked(lane, hold)
    waiting = [Job(lambda _: None, lane) for _ in range(2)]
    refused = Job(lambda _: None, lane)
    assert isinstance(refused.error, ServerBusy)
    assert str(refused.error) == "2 pieces of work wait on this server already: try again in a moment."
    assert (refused.running, refused.result) == (False, None)
    hold.set()
    for job in waiting:
        job.wait(PATIENCE_S)


def test_a_closed_tabs_work_ends(
    hold: threading.Event, who: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(visitors, "GRACE_S", 0.0)
    monkeypatch.setattr(visitors, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(visitors, "_is_connected", lambda name: name != "gone")
    lane, steps = Lane("test", 1), list[int]()
    here = blocked(lane, hold)
    who("gone")

    def work(progress: Any) -> None:
        steps.append(1)
        progress("step", 0.5)
        steps.append(2)

    left = Job(work, lane)
    hold.set()
    left.wait(PATIENCE_S)
    assert (here.result, left.cancelled, left.error, steps) == ("first", True, None, [])


def test_nobodys_work_goes_on_though_nobody_is_connected(monkeypatch: pytest.MonkeyPatch):
    def no_session(name: str) -> bool:
        raise AssertionError(f"asked after {name!r}")

    server = SimpleNamespace(is_active_session=no_session)
    monkeypatch.setattr(visitors, "GRACE_S", 0.0)
    monkeypatch.setattr(visitors, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(visitors.runtime, "exists", lambda: True)
    monkeypatch.setattr(visitors.runtime, "get_instance", lambda: server)
    assert not visitors.Presence("").gone


def test_a_panic_ends_the_work_and_not_the_lane():
    class Panic(BaseException):
        """As Rust extensions raise it: no Exception."""

    def panic(_: Any) -> None:
        raise Panic("backtracked")

    lane = Lane("test", 1)
    broken = Job(panic, lane)
    broken.wait(PATIENCE_S)
    assert str(broken.error) == "Panic: backtracked"
    after = Job(lambda _: "goes on", lane)
    after.wait(PATIENCE_S)
    assert after.result == "goes on"


def asked(token: str, seen: str = "") -> dict[str, Any]:
    """What the route answers."""
    scope = {
        "type": "http", "method": "GET", "headers": [], "query_string": f"seen={seen}".encode(),
        "path_params": {"token": token},
    }  # fmt: skip
    (route,) = routes.ROUTES
    answer = asyncio.run(route.endpoint(Request(scope)))
    assert answer.headers["cache-control"] == "no-store"
    return json.loads(answer.body)


def test_the_route_tells_of_a_job_to_who_knows_its_token(hold: threading.Event):
    lane = Lane("test", 1)
    begun, go_on = threading.Event(), threading.Event()

    def work(job: Job[Any]) -> int:
        job("Half of it", 0.5)
        job.announce()
        begun.set()
        assert go_on.wait(PATIENCE_S)
        return 7

    job = Job(work, lane)
    assert begun.wait(PATIENCE_S)
    told = asked(job.token)
    assert (told["over"], told["message"], told["fraction"], told["revision"]) == (
        False,
        "Half of it",
        0.5,
        1,
    )
    threading.Timer(0.3, go_on.set).start()
    later = asked(job.token, told["seen"])  # held until there is something else to tell
    assert later["over"]
    assert len(job.token) >= 20
    assert find_job(job.token) is job
    assert asked("somebody else's")["over"]
