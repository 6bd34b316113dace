"""The store that all visitors share: bounded, computed once, never holding a failure."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from viz.services.bounded_store import BoundedStore

PATIENCE_S = 20


def store(limit: int = 10) -> BoundedStore[bytes]:
    return BoundedStore(limit, len)


def fail() -> bytes:
    raise AssertionError("made again")


def test_what_is_kept_is_not_made_again():
    kept = store()
    assert kept.get("a", lambda: b"xx") == b"xx"
    assert kept.get("a", fail) == b"xx"
    assert kept.nbytes == 2


def test_the_least_recently_used_goes_first():
    kept = store(limit=10)
    for name in "abc":
        kept.get(name, lambda: b"xxx")
    kept.get("a", fail)  # used again, so "b" is now the oldest
    kept.get("d", lambda: b"xxxx")
    assert [name in kept for name in "abcd"] == [True, False, True, True]
    assert kept.nbytes == 10


def test_several_go_for_one_that_is_large():
    kept = store(limit=10)
    for name in "abc":
        kept.get(name, lambda: b"xxx")
    kept.get("d", lambda: b"x" * 7)
    assert [name in kept for name in "abcd"] == [False, False, True, True]


def test_one_over_the_limit_is_kept_alone():
    kept = store(limit=10)
    kept.get("a", lambda: b"xxx")
    assert kept.get("b", lambda: b"x" * 11) == b"x" * 11
    assert ("a" in kept, "b" in kept) == (False, True)
    kept.get("c", lambda: b"x")
    assert ("b" in kept, "c" in kept) == (False, True)


def test_what_grows_after_it_was_kept_is_weighed_anew():
    kept: BoundedStore[list[int]] = BoundedStore(4, len)
    growing = kept.get("a", list)
    growing.extend(range(4))
    kept.get("b", lambda: [1])
    assert ("a" in kept, "b" in kept) == (False, True)


def test_two_who_ask_for_the_same_wait_for_one_computation():
    kept, started, go_on, made = store(), threading.Event(), threading.Event(), []

    def make() -> bytes:
        made.append(threading.get_ident())
        started.set()
        assert go_on.wait(PATIENCE_S)
        return b"x"

    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(kept.get, "a", make)
        assert started.wait(PATIENCE_S)
        others = [pool.submit(kept.get, "a", make) for _ in range(7)]
        # Another key is not held up by them.
        assert kept.get("b", lambda: b"y") == b"y"
        go_on.set()
        assert {future.result(PATIENCE_S) for future in [first, *others]} == {b"x"}
    assert len(made) == 1


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt], ids=["failure", "a visitor who leaves"])
def test_a_failure_is_not_kept_and_who_waits_tries_for_himself(error: type[BaseException]):
    kept, started, go_on = store(), threading.Event(), threading.Event()
    running, most_at_once = [0], [0]

    def counted(make: Callable[[], bytes]) -> Callable[[], bytes]:
        def run() -> bytes:
            running[0] += 1
            most_at_once[0] = max(most_at_once[0], running[0])
            try:
                return make()
            finally:
                running[0] -= 1

        return run

    def broken() -> bytes:
        started.set()
        assert go_on.wait(PATIENCE_S)
        raise error

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(kept.get, "a", counted(broken))
        assert started.wait(PATIENCE_S)
        others = [pool.submit(kept.get, "a", counted(lambda: b"x")) for _ in range(3)]
        go_on.set()
        with pytest.raises(error):
            first.result(PATIENCE_S)
        assert [future.result(PATIENCE_S) for future in others] == [b"x"] * 3
    assert most_at_once == [1]
    assert "a" in kept


def test_after_a_failure_too_newcomers_wait_for_the_one_who_makes():
    kept = store()
    steps = {
        name: threading.Event() for name in ("first makes", "first fails", "second makes", "second ends")
    }

    def broken() -> bytes:
        steps["first makes"].set()
        assert steps["first fails"].wait(PATIENCE_S)
        raise RuntimeError

    def slow() -> bytes:
        steps["second makes"].set()
        assert steps["second ends"].wait(PATIENCE_S)
        return b"x"

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(kept.get, "a", broken)
        assert steps["first makes"].wait(PATIENCE_S)
        second = pool.submit(kept.get, "a", slow)
        steps["first fails"].set()
        assert steps["second makes"].wait(PATIENCE_S)
        newcomer = pool.submit(kept.get, "a", fail)
        assert not newcomer.done()
        steps["second ends"].set()
        assert second.result(PATIENCE_S) == newcomer.result(PATIENCE_S) == b"x"
        assert isinstance(first.exception(PATIENCE_S), RuntimeError)
