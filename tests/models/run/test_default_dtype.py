"""torch's default number format belongs to all threads: nobody's numbers follow what another's loading sets."""

import ast
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import AutoConfig

import models
from models.costs.weights import skeleton
from models.look.pattern_changes import pattern_change
from models.run.default_dtype import default_dtype_changed, default_dtype_kept
from models.run.forward_pass import forward_pass

PATIENCE_S = 20
ENGINE = Path(models.__file__).parent
MAKES_FLOATS = ("zeros", "ones", "full", "empty", "linspace", "rand", "randn", "eye")


@contextmanager
def default(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


READINGS: dict[str, Callable[[models.Capture], Tensor]] = {
    "tiles": lambda run: run.tiles(8),
    "scores": lambda run: torch.stack([run.scores().values[name] for name in run.scores().values]),
    "chance": lambda run: torch.stack([run.scores().chance[name] for name in run.scores().chance]),
    "pattern": lambda run: run.pattern(1, 0),
    "value-weighted": lambda run: run.value_weighted(1, 0),
    "rollout": lambda run: run.rollout(),
    "change": lambda run: pattern_change(run, run),
    "candidates": lambda run: torch.tensor([one.probability for one in run.top_next(3)], dtype=torch.float64),
}


@pytest.mark.parametrize("reading", READINGS)
def test_what_is_read_off_a_capture_does_not_follow_it(reading: str, tiny_llama: Path):
    model = models.load(str(tiny_llama), "cpu", "float32")
    text = "the old man saw the old man and the dog saw him"
    right = READINGS[reading](models.capture(model, text))
    run = models.capture(model, text)
    with default(torch.bfloat16):
        found = READINGS[reading](run)
    assert found.dtype == right.dtype
    torch.testing.assert_close(found, right, equal_nan=True)


@pytest.mark.parametrize(
    "path", sorted(ENGINE.glob("**/*.py")), ids=lambda path: path.relative_to(ENGINE).as_posix()
)
def test_the_engine_names_the_format_of_what_it_makes(path: Path):
    if "training" in path.parts:  # a process of its own
        return
    nameless = [
        f"{path.name}:{call.lineno} {ast.unparse(call)}"
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and _makes_floats(call)
        and "dtype" not in {key.arg for key in call.keywords}
    ]
    assert nameless == []


def _makes_floats(call: ast.Call) -> bool:
    return ast.unparse(call.func) in {f"torch.{name}" for name in MAKES_FLOATS}


def test_a_pass_waits_for_who_builds_in_another_format_and_he_for_passes():
    order, in_pass, go_on = list[str](), threading.Event(), threading.Event()

    def read() -> None:
        with default_dtype_kept():
            in_pass.set()
            assert go_on.wait(PATIENCE_S)
            order.append("pass")

    def build() -> None:
        with default_dtype_changed(torch.bfloat16):
            order.append("built")

    def read_later() -> torch.dtype:
        with default_dtype_kept():
            order.append("later pass")
            return torch.get_default_dtype()

    with ThreadPoolExecutor(3) as pool:
        pool.submit(read)
        assert in_pass.wait(PATIENCE_S)
        built = pool.submit(build)
        time.sleep(
            0.05
        )  # it waits by now; where it does not yet, the later pass may come first, and the test is no stricter
        later = pool.submit(read_later)
        time.sleep(0.05)
        go_on.set()
        built.result(PATIENCE_S)
        assert later.result(PATIENCE_S) == torch.float32
    assert order[0] == "pass"
    assert set(order) == {"pass", "built", "later pass"}


PASSES: dict[str, Callable[[models.AttentionModel], object]] = {
    "capture": lambda model: models.capture(model, "the old man"),
    "writing": lambda model: list(models.stream(model, "the old man", 2)),
    "derivative": lambda model: models.gradient_importance(model, "the old man saw"),
    "loss": lambda model: models.token_loss(model, "the old man saw"),
    "plain": lambda model: forward_pass(model.module, {"input_ids": torch.tensor([[5, 6, 7]])}),
}


@pytest.mark.parametrize("way", PASSES)
def test_no_pass_meets_the_format_of_who_builds(way: str, tiny_llama: Path):
    model, met = models.load(str(tiny_llama), "cpu", "float32"), list[torch.dtype]()
    model.module.register_forward_pre_hook(lambda *_: met.append(torch.get_default_dtype()))
    with ThreadPoolExecutor(1) as pool:
        with default_dtype_changed(torch.bfloat16), default(torch.bfloat16):
            reading = pool.submit(PASSES[way], model)
            time.sleep(0.3)  # as long as a pass that does not wait takes
        reading.result(PATIENCE_S)
    assert set(met) == {torch.float32}


def says_bfloat16(folder: Path, copy: Path) -> Path:
    shutil.copytree(folder, copy)
    config = copy / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"dtype": "bfloat16"}))
    return copy


BUILDERS: dict[str, Callable[[Path], object]] = {
    "load": lambda folder: models.load(str(folder), "cpu", "bfloat16"),
    "load what says so": lambda folder: models.load(str(folder), "cpu", "float32"),
    "random": lambda _: models.random_shape(
        models.RandomShape("mha", 1, 8, 2, 4, vocab=16), dtype="bfloat16"
    ),
    "skeleton": lambda folder: skeleton(AutoConfig.from_pretrained(folder)),
}


@pytest.mark.parametrize("way", BUILDERS)
def test_nobody_sets_another_format_during_a_pass(
    way: str, tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder, set_so_far = says_bfloat16(tiny_llama, tmp_path / "copy"), list[torch.dtype]()
    really = torch.set_default_dtype
    monkeypatch.setattr(torch, "set_default_dtype", lambda dtype: (set_so_far.append(dtype), really(dtype)))
    with ThreadPoolExecutor(1) as pool:
        with default_dtype_kept():
            building = pool.submit(BUILDERS[way], folder)
            time.sleep(0.5)  # as long as one that does not wait takes to begin
            assert set(set_so_far) <= {torch.float32}
        building.result(PATIENCE_S)


def test_two_who_build_in_other_formats_leave_the_default_as_it_was():
    together = threading.Barrier(2, timeout=PATIENCE_S)

    def build(dtype: torch.dtype) -> torch.dtype:
        together.wait()
        with default_dtype_changed(dtype), default(dtype):
            time.sleep(0.05)
            return torch.get_default_dtype()

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(build, (torch.bfloat16, torch.float16)))
    assert found == [torch.bfloat16, torch.float16]
    assert torch.get_default_dtype() == torch.float32


def test_loading_in_another_format_disturbs_nobody(tiny_llama: Path):
    model = models.load(str(tiny_llama), "cpu", "float32")
    text = "the old man saw the old man"
    right, stop = models.capture(model, text).tiles(8), threading.Event()

    def load_on() -> None:
        while not stop.is_set():
            models.load(str(tiny_llama), "cpu", "bfloat16")

    with ThreadPoolExecutor(2) as pool:
        loading = [pool.submit(load_on) for _ in range(2)]
        try:
            for _ in range(10):
                torch.testing.assert_close(models.capture(model, text).tiles(8), right)
        finally:
            stop.set()
        for one in loading:
            one.result(PATIENCE_S)
    assert torch.get_default_dtype() == torch.float32


def test_building_within_a_pass_is_refused_and_does_not_wait_for_itself():
    with (
        default_dtype_kept(),
        pytest.raises(RuntimeError, match="in the middle of a pass"),
        default_dtype_changed(torch.float16),
    ):
        pass
