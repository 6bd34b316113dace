"""Work in the background can be watched and cancelled."""

import threading
import time
import weakref
from functools import partial

import pytest

from models.errors import BadText
from models.progress import Progress
from viz.services.job import Job
from viz.services.kept import Budget, Kept

PATIENCE_S = 20


def test_the_result_is_kept():
    job = Job(lambda progress: progress("half", 0.5) or 7)
    job.wait(PATIENCE_S)
    assert (job.result, job.running, job.cancelled, job.error) == (7, False, False, None)
    assert job.told == ("half", 0.5)
    job.cancel()  # too late: it is done
    assert not job.cancelled


def test_no_bar_is_told_more_than_all_or_less_than_nothing():
    for fraction, told in ((1.5, 1.0), (-0.5, 0.0)):
        job = Job(lambda progress, fraction=fraction: progress("some", fraction))
        job.wait(PATIENCE_S)
        assert job.told == ("some", told)


def test_what_the_work_closes_over_lives_no_longer_than_the_work():
    thing = threading.Event()
    job = Job(partial(lambda kept, _: kept.set(), thing))
    job.wait(PATIENCE_S)
    known = weakref.ref(thing)
    del thing
    end = time.monotonic() + PATIENCE_S
    while known() is not None and time.monotonic() < end:  # the lane's thread is about to leave it
        time.sleep(0.01)
    assert known() is None
    assert job.error is None


@pytest.mark.parametrize("error", [BadText("The text is empty."), RuntimeError("out of memory")])
def test_what_breaks_it_off_is_kept(error: Exception):
    def work(_: Progress) -> None:
        raise error

    job = Job(work)
    job.wait(PATIENCE_S)
    assert (job.result, job.running, job.error) == (None, False, error)


def test_cancelling_ends_the_work_where_it_next_tells_its_progress():
    begun, go_on, undone = threading.Event(), threading.Event(), threading.Event()

    def work(progress: Progress) -> str:
        try:
            progress("first part", 0.1)
            begun.set()
            assert go_on.wait(PATIENCE_S)
            progress("second part", 0.6)
            raise AssertionError("went on")
        finally:
            undone.set()

    job = Job(work)
    assert begun.wait(PATIENCE_S)
    assert job.running
    job.cancel()
    assert not job.running
    go_on.set()
    job.wait(PATIENCE_S)
    assert undone.is_set()
    assert (job.result, job.error, job.cancelled) == (None, None, True)
    assert job.told == ("first part", 0.1)


def test_who_waits_for_a_cancelled_computation_makes_a_try_of_its_own():
    store: Kept[str] = Kept(Budget(2**20))
    begun, go_on = threading.Event(), threading.Event()

    def slow(progress: Progress) -> str:
        begun.set()
        assert go_on.wait(PATIENCE_S)
        progress("going on", 0.5)
        return "by the first"

    first = Job(lambda progress: store.get("key", lambda: slow(progress)))
    assert begun.wait(PATIENCE_S)
    second = Job(lambda progress: store.get("key", lambda: "by the second"))
    first.cancel()
    go_on.set()
    second.wait(PATIENCE_S)
    assert second.result == "by the second"
