"""A capture written and reopened shows what it showed, and a file from a stranger does no harm."""

import io
import json
import pickle
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

import models
from models import Capture, HeadlightError, capture
from models.loading.loader import wrap
from models.look import capture_file
from tests.models.engine_models import SOURCE, TARGET, TEXT, assert_near, engine, fresh
from tests.sentences import assert_sentence

NAMES = ["gpt2", "gemma2", "gpt_oss", "bert", "t5", "falcon", "half precision"]
MASKED = "the [MASK] sat on the mat and the [MASK]"


@cache
def run_of(name: str) -> Capture:
    if name == "half precision":
        model = fresh("llama gqa")
        model.module.bfloat16()
        return capture(wrap(model.module, model.tokenizer, "Half"), TEXT, max_tokens=9, heads_off=[(1, 2)])
    if name == "t5":
        return capture(engine(name), source=SOURCE, target=TARGET)
    return capture(engine(name), MASKED if name == "bert" else TEXT)


def reopened(run: Capture, path: Path) -> Capture:
    run.save(path / "run.npz")
    return Capture.load(path / "run.npz")


@pytest.mark.parametrize("name", NAMES)
def test_patterns_are_the_same(name, tmp_path):
    run = run_of(name)
    again = reopened(run, tmp_path)
    assert again.stacks == run.stacks
    for stack in run.stacks:
        assert again.layers(stack) == run.layers(stack)
        for layer in range(run.layers(stack)):
            assert_near(again.pattern(layer, stack=stack), run.pattern(layer, stack=stack), 1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_worked_out_from_them_is_the_same(name, tmp_path):
    run = run_of(name)
    again = reopened(run, tmp_path)
    for stack in run.stacks:
        assert_near(again.tiles(5, stack), run.tiles(5, stack), 1e-6)
        for key, values in run.scores(stack).values.items():
            torch.testing.assert_close(again.scores(stack).values[key], values, equal_nan=True)
            torch.testing.assert_close(
                again.scores(stack).chance[key], run.scores(stack).chance[key], equal_nan=True
            )
        if stack != "cross":
            assert_near(again.rollout(stack), run.rollout(stack), 1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_everything_that_was_read_is_kept(name, tmp_path):
    run = run_of(name)
    again = reopened(run, tmp_path)
    for field in (
        "geometry",
        "ids",
        "token_strings",
        "tokens",
        "places",
        "model_name",
        "dropped",
        "heads_off",
    ):
        assert getattr(again, field) == getattr(run, field), field
    for place in range(len(run.places)):
        assert again.top_next(7, place) == run.top_next(7, place)
    assert run.places
    whole = [candidate.probability for candidate in again.top_next(10**6)]
    assert len(whole) == min(capture_file.CANDIDATES, run.predictions.shape[1])
    assert whole == [candidate.probability for candidate in run.top_next(len(whole))]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "falcon"])
def test_queries_keys_and_values_are_kept(name, tmp_path):
    run = run_of(name)
    again = reopened(run, tmp_path)
    for stack in run.stacks:
        for ask in ("query", "key", "value", "value_weighted", "attention_scores"):
            ours, theirs = (getattr(one, ask)(1, 2, stack) for one in (again, run))
            assert ours.dtype == torch.float32
            torch.testing.assert_close(ours, theirs, msg=ask)
        assert again.scaling(1, stack) == run.scaling(1, stack)
        assert again.adds_to_product(1, stack) == run.adds_to_product(1, stack)


def test_a_pair_of_sentences_keeps_where_the_second_begins(tmp_path):
    run = capture(engine("bert"), ("the cat", "the dog sat"))
    assert reopened(run, tmp_path).second_start == run.second_start == 4


def test_where_memory_is_used_again_nothing_is_mixed_up(tmp_path, monkeypatch):
    """From a GPU every tensor comes as a copy, and a tensor made for the file may lie where the last one lay."""
    run = run_of("gpt2")
    monkeypatch.setattr(capture_file, "_array", lambda tensor: tensor.clone().numpy())
    again = reopened(run, tmp_path)
    for layer in range(3):
        for head in range(6):
            torch.testing.assert_close(again.value_weighted(layer, head), run.value_weighted(layer, head))


def test_a_file_holds_no_pickles(tmp_path):
    path = tmp_path / "run.npz"
    for name in NAMES:
        run_of(name).save(path)
        with np.load(path, allow_pickle=False) as file:
            assert all(file[name].dtype != object for name in file.files)
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.npz"]


def test_a_mask_shared_by_layers_is_stored_once(tmp_path):
    path = tmp_path / "run.npz"
    run = run_of("gemma2")  # two layers with a window, one that sees all
    run.save(path)
    count = len(run.tokens)
    with np.load(path, allow_pickle=False) as file:
        masks = [name for name in file.files if file[name].shape[-2:] == (count, count)]
    assert len(masks) == 2 if run.pattern(1, 0)[-1, 0] > 0 else 1


@pytest.mark.parametrize("name", ["gpt2", "llama gqa", "bert"])
def test_size_grows_as_the_text_does(name, tmp_path):
    def size(count: int) -> int:
        run = capture(engine(name), "cat " * 100, max_tokens=count)
        assert len(run.tokens) == count
        run.save(tmp_path / "run.npz")
        return (tmp_path / "run.npz").stat().st_size

    once, twice, four_times = size(16), size(32), size(64)
    assert four_times - twice == pytest.approx(2 * (twice - once), rel=0.05)


def _entry(name: str, content: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as file:
        file.writestr(name, content)
    return held.getvalue()


def _archive(**arrays: np.ndarray) -> bytes:
    held = io.BytesIO()
    np.savez(held, **arrays)  # pyright: ignore[reportArgumentType]
    return held.getvalue()


def _head(content: object) -> np.ndarray:
    return np.frombuffer(json.dumps(content).encode(), dtype=np.uint8)


def _array(array: np.ndarray) -> bytes:
    held = io.BytesIO()
    np.save(held, array)
    return held.getvalue()


FOREIGN = {
    "empty": b"",
    "text": b"a,b\n1,2\n",
    "a single array": _array(np.arange(3)),
    "another archive": _archive(weights=np.arange(3)),
    "a zip of something": _entry("readme.txt", b"hello"),
    "a list": _archive(head=_head([1, 2])),
    "a number": _archive(head=_head(3)),
    "no json": _archive(head=np.arange(3, dtype=np.uint8)),
    "another format": _archive(head=_head({"format": "other", "version": 1})),
    "a later version": _archive(head=_head({"format": capture_file.FORMAT, "version": 99})),
    "nothing in it": _archive(head=_head({"format": capture_file.FORMAT, "version": 1})),
    "a pickle": pickle.dumps({"format": capture_file.FORMAT}),
    "objects": _archive(head=np.array([{"format": capture_file.FORMAT}], dtype=object)),
}


def assert_refused(path: Path) -> None:
    with pytest.raises(HeadlightError) as error:
        Capture.load(path)
    assert_sentence(error.value)
    assert path.name in str(error.value)


@pytest.mark.parametrize("name", [*FOREIGN])
def test_another_file_is_refused(name, tmp_path):
    path = tmp_path / "run.npz"
    path.write_bytes(FOREIGN[name])
    assert_refused(path)


def test_a_missing_file_and_a_folder(tmp_path):
    assert_refused(tmp_path / "nowhere.npz")
    assert_refused(tmp_path)


def test_a_pickle_in_a_file_is_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path(tmp_path / "sprung").touch, ())

    path = tmp_path / "run.npz"
    path.write_bytes(_archive(head=np.array([Trap()], dtype=object)))
    (tmp_path / "sprung").unlink(missing_ok=True)
    assert_refused(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("share", [0.01, 0.3, 0.7, 0.99])
def test_half_a_file_is_refused(share, tmp_path):
    path = tmp_path / "run.npz"
    run_of("gpt2").save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert_refused(path)


def test_flipped_bytes_are_refused(tmp_path):
    path = tmp_path / "run.npz"
    run_of("gpt2").save(path)
    whole = bytearray(path.read_bytes())
    for place in range(2000, len(whole) - 2000, len(whole) // 7):
        damaged = bytearray(whole)
        damaged[place : place + 40] = bytes(40) if any(whole[place : place + 40]) else b"x" * 40
        path.write_bytes(bytes(damaged))
        assert_refused(path)


@pytest.mark.parametrize(
    "field", ["geometry", "stacks", "ids", "tokens", "places", "candidates", "heads_off"]
)
@pytest.mark.parametrize("content", [None, 7, "x", [[1]], {"decoder": [{}]}])
def test_a_changed_head_is_refused(field, content, tmp_path):
    path = tmp_path / "run.npz"
    run_of("gpt2").save(path)
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    head = json.loads(arrays["head"].tobytes())
    path.write_bytes(_archive(**arrays | {"head": _head(head | {field: content})}))
    assert_refused(path)


def test_the_model_is_not_needed(tmp_path):
    """A reopened capture holds on to no model and no tokenizer, and names its candidates all the same."""
    again = reopened(run_of("gpt2"), tmp_path)
    assert all(record.output_weight is None for record in again.layers_of["decoder"])
    token = again.top_next(1)[0]
    assert run_of("gpt2").vocabulary([token.token_id]) == (token.token,)


@pytest.mark.parametrize("method", ["zero", "mean", "resample"])
def test_what_was_off_and_what_stood_for_it_is_kept(method, tmp_path):
    model = engine("t5")
    off = models.ablate(model, SOURCE, [(1, 2), (0, 1)], method, reference=TARGET, stack="cross").off
    run = capture(model, source=SOURCE, target=TARGET, heads_off=off)
    again = reopened(run, tmp_path)
    for told in (run.switched_off, again.switched_off):
        assert (told.heads, told.stack, told.stood_in) == (((0, 1), (1, 2)), "cross", method)
        assert told.source == ("" if off.instead is None else off.instead.source)
    assert again.heads_off == run.heads_off == ((0, 1), (1, 2))


def test_a_file_that_is_older_says_that_it_does_not_know(tmp_path):
    def older(run: Capture) -> Capture:
        run.save(tmp_path / "run.npz")
        with np.load(tmp_path / "run.npz") as file:
            arrays = dict(file)
        head = json.loads(arrays["head"].tobytes())
        del head["switched_off"]
        (tmp_path / "run.npz").write_bytes(_archive(**(arrays | {"head": _head(head)})))
        return Capture.load(tmp_path / "run.npz")

    told = older(capture(engine("gpt2"), TEXT, heads_off=[(1, 2)])).switched_off
    assert (told.heads, told.stack, told.stood_in) == (((1, 2),), "decoder", "unknown")
    told = older(capture(engine("t5"), source=SOURCE, target=TARGET, heads_off=[(1, 2)])).switched_off
    assert (told.heads, told.stack, told.stood_in) == (((1, 2),), None, "unknown")
    assert older(run_of("gpt2")).switched_off == run_of("gpt2").switched_off
