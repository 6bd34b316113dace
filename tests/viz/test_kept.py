"""The store that all visitors share: bounded, computed once, never holding a failure."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

import models
from viz.services.job import Cancelled
from viz.services.kept import SMALL_BYTES, Budget, Kept, held, held_by_model

PATIENCE_S = 20


def store(limit: int = 10) -> Kept[bytes]:
    return Kept(Budget(limit), lambda value: {id(value): len(value)})


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
        kept.get(name, lambda: bytes(bytearray(b"xxx")))
    kept.get("a", fail)  # used again, so "b" is now the oldest
    kept.get("d", lambda: b"xxxx")
    assert [name in kept for name in "abcd"] == [True, False, True, True]
    assert kept.nbytes == 10


def test_several_go_for_one_that_is_large():
    kept = store(limit=10)
    for name in "abc":
        kept.get(name, lambda: bytes(bytearray(b"xxx")))
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
    kept: Kept[list[int]] = Kept(Budget(4), lambda value: {id(value): len(value)})
    kept.get("a", list)
    kept.get("a", list).extend(range(4))
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


def tensors(*sizes: int) -> list[torch.Tensor]:
    return [torch.zeros(size, dtype=torch.uint8) for size in sizes]


def test_stores_share_one_budget():
    budget = Budget(1_000_000)
    one, other = Kept[list[torch.Tensor]](budget), Kept[list[torch.Tensor]](budget)
    one.get("a", lambda: tensors(600_000))
    other.get("a", lambda: tensors(300_000))
    assert 900_000 <= budget.nbytes < 910_000
    other.get("b", lambda: tensors(300_000))
    assert ("a" in one, "a" in other, "b" in other) == (False, True, True)
    assert (len(one), len(other)) == (0, 2)


def test_who_holds_what_another_has_let_go_is_weighed_with_it():
    """A page's capture and an effect that holds that capture: letting go of the first frees nothing."""
    budget = Budget(1_000_000)
    captures, effects = Kept[list[torch.Tensor]](budget), Kept[list[list[torch.Tensor]]](budget)
    captures.get("text", lambda: tensors(500_000))
    effects.get("text", lambda: [captures.get("text", list)])
    assert budget.nbytes < 510_000  # counted once
    captures.get("second", lambda: tensors(400_000))
    captures.get("third", lambda: tensors(300_000))
    assert "text" not in effects
    assert budget.nbytes < 710_000


def test_small_results_outlive_large_ones():
    kept = Kept[list[torch.Tensor]](Budget(10 * SMALL_BYTES))
    kept.get("an hour's work", lambda: tensors(SMALL_BYTES // 4))
    for number in range(30):
        kept.get(number, lambda: tensors(3 * SMALL_BYTES))
    assert "an hour's work" in kept
    assert [number in kept for number in range(30)] == [False] * 27 + [True] * 3


def test_views_of_one_storage_weigh_that_storage_once():
    whole = torch.zeros(1000, 1000)
    assert 4_000_000 <= sum(held({"a": whole[:10], "b": (whole.T, whole[5])}).values()) < 4_010_000


def test_a_model_weighs_its_tokenizer_too(tiny_llama: Path):
    model = models.load(str(tiny_llama))
    weights = sum({one.data_ptr(): one.nbytes for one in model.module.parameters()}.values())
    assert sum(held_by_model(model).values()) > weights + 100 * len(model.tokenizer or ())


def test_a_function_weighs_what_it_closes_over():
    tensor = torch.zeros(1000)
    assert sum(held(lambda: tensor).values()) >= 4000


def test_a_capture_weighs_what_it_holds_and_a_baseline_without_logits_weighs_its_captures(tiny_llama):
    model = models.load(str(tiny_llama))
    run = models.capture(model, "the boat waves back at the old mill")
    weights = {weight.untyped_storage().data_ptr() for weight in model.module.parameters()}
    own = sum(size for place, size in held(run).items() if place not in weights)
    assert own >= run.nbytes
    assert run.tiles(32).untyped_storage().data_ptr() in held(run)
    base = models.baseline(model, "the boat waves back at the old mill")
    assert sum(held(base).values()) >= base.run.nbytes
    parameters = sum(weight.nbytes for weight in set(model.module.parameters()))
    assert parameters <= sum(held_by_model(model).values())


def test_who_waits_for_another_can_be_called_off():
    kept, started, go_on = store(), threading.Event(), threading.Event()
    asked = []

    def slow() -> bytes:
        started.set()
        assert go_on.wait(PATIENCE_S)
        return b"x"

    def give_up(message: str, fraction: float) -> None:
        asked.append(message)
        raise Cancelled

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(kept.get, "a", slow)
        assert started.wait(PATIENCE_S)
        second = pool.submit(kept.get, "a", fail, give_up)
        assert isinstance(second.exception(PATIENCE_S), Cancelled)
        assert not first.done()
        go_on.set()
        assert first.result(PATIENCE_S) == b"x"
    assert asked == ["The same is being worked out for somebody else"]
