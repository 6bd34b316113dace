"""Capture files from strangers: bounded before they are read, and refused in a sentence of ours."""

import io
import json
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import Capture, HeadlightError, capture
from models.look import array_file
from tests.models.engine_models import TEXT, engine
from tests.sentences import assert_sentence


def _decoder(head: dict[str, Any], layer: int) -> dict[str, Any]:
    return head["stacks"]["decoder"][layer]


def _change(head: dict[str, Any], layer: int, **changes: object) -> None:
    _decoder(head, layer).update(changes)


def _array_of(head: dict[str, Any], layer: int, name: str) -> str:
    return _decoder(head, layer)["tensors"][name]


# Each changes the description or the arrays of a sound file, in a way that once raised something raw, at once or later.
HARMS: dict[str, Callable[[dict[str, Any], dict[str, np.ndarray]], object]] = {
    "a scaling beyond all numbers": lambda head, arrays: _change(head, 2, scaling=2**70),
    "no scaling": lambda head, arrays: _change(head, 2, scaling=float("nan")),
    "a softcap of 0": lambda head, arrays: _change(head, 2, softcap=0),
    "a word for causal": lambda head, arrays: _change(head, 2, causal="yes"),
    "no keys": lambda head, arrays: arrays.update(
        {_array_of(head, 1, "key"): np.zeros((0, 0, 0), np.float32)}
    ),
    "values of other tokens": lambda head, arrays: arrays.update(
        {_array_of(head, 1, "value"): arrays[_array_of(head, 1, "value")][:, 1:]}
    ),
    "keys of another width": lambda head, arrays: arrays.update(
        {_array_of(head, 1, "key"): arrays[_array_of(head, 1, "key")][..., 1:]}
    ),
    "queries that are whole numbers": lambda head, arrays: arrays.update(
        {_array_of(head, 1, "query"): arrays[_array_of(head, 1, "query")].astype(np.int64)}
    ),
    "norms of another shape": lambda head, arrays: _change(head, 0, value_norms=_array_of(head, 0, "value")),
    "sinks of another shape": lambda head, arrays: _decoder(head, 0)["tensors"].update(
        sinks=_array_of(head, 0, "key")
    ),
    "heads that share unevenly": lambda head, arrays: _change(head, 0, kv_heads_of=[0, 0, 0, 0, 0, 9]),
    "a tensor of another name": lambda head, arrays: _decoder(head, 0)["tensors"].update(weights="t0"),
    "latents of other positions": lambda head, arrays: _change(
        head, 0, latent={"kv": "head", "query": None, "rope": None}
    ),
    "an id that is a string": lambda head, arrays: head["ids"]["text"].__setitem__(2, "t1"),
    "an id below 0": lambda head, arrays: head["ids"]["text"].__setitem__(2, -7),
    "a place beyond the text": lambda head, arrays: head["places"].__setitem__(0, 10**6),
    "candidates of a vocabulary that fills all memory": lambda head, arrays: arrays[
        "candidate_ids"
    ].__setitem__((0, 0), 2**50),
    "a candidate below 0": lambda head, arrays: arrays["candidate_ids"].__setitem__((0, 0), -1),
    "a geometry of words": lambda head, arrays: head["geometry"].update(heads="many"),
    "a geometry without a kind": lambda head, arrays: head["geometry"].update(kind=None),
    "lists of other layers": lambda head, arrays: head["geometry"].update(heads_per_layer=[1] * 99),
    "another stack": lambda head, arrays: head["stacks"].update(elsewhere=head["stacks"]["decoder"]),
    "a cut of nothing": lambda head, arrays: head.update(latents_off=[{"layer": 0}]),
    "a name as long as a book": lambda head, arrays: head.update(model_name="x" * 10**5),
}


@cache
def _whole() -> bytes:
    """A file that opens."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.npz"
        capture(engine("gpt2"), TEXT).save(path)
        return path.read_bytes()


def _sound() -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Its description and its arrays."""
    with np.load(io.BytesIO(_whole()), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return json.loads(arrays.pop("head").tobytes()), arrays


def _head(content: object) -> np.ndarray:
    return np.frombuffer(json.dumps(content).encode(), dtype=np.uint8)


def _write(path: Path, head: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays, head=_head(head))  # pyright: ignore[reportArgumentType]


def assert_refused(path: Path) -> None:
    with pytest.raises(HeadlightError) as refused:
        Capture.load(path)
    assert_sentence(refused.value)
    assert path.name in str(refused.value)
    assert "Error" not in str(refused.value)


@pytest.mark.parametrize("name", HARMS)
def test_parts_that_do_not_fit_are_refused_in_a_sentence(name, tmp_path):
    path = tmp_path / "run.npz"
    head, arrays = _sound()
    _write(path, head, arrays)
    Capture.load(path)
    HARMS[name](head, arrays)
    _write(path, head, arrays)
    assert_refused(path)


def _peak(call: Callable[[], object]) -> int:
    """Most bytes that were held at once, beyond those before."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_an_array_that_nobody_asked_for_is_not_read(tmp_path):
    path = tmp_path / "run.npz"
    head, arrays = _sound()
    _write(path, head, arrays | {"unasked": np.zeros(10**8, np.uint8)})
    assert path.stat().st_size < 2e6
    assert _peak(lambda: Capture.load(path)) < 2e7


def test_a_small_file_does_not_unpack_to_more_than_a_large_one_would(tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    head, arrays = _sound()
    tokens = len(head["ids"]["text"])
    for name, width in (("query", 4), ("key", 4), ("value", 4)):
        arrays[_array_of(head, 0, name)] = np.zeros((10**6, tokens, width), np.float32)
    _write(path, head, arrays)
    monkeypatch.setattr(array_file, "MOST_BYTES", 2**24)
    assert path.stat().st_size < 2**21
    assert _peak(lambda: assert_refused(path)) < 2**25


def test_a_header_that_promises_more_than_there_is_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    head, arrays = _sound()
    told = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        told, {"descr": "<f4", "fortran_order": False, "shape": (6, len(head["ids"]["text"]), 10**12)}
    )
    with zipfile.ZipFile(path, "w") as file:
        for name, array in (arrays | {"head": _head(head)}).items():
            lying = name == _array_of(head, 0, "query")
            whole = io.BytesIO()
            np.save(whole, array)
            file.writestr(f"{name}.npy", told.getvalue() if lying else whole.getvalue())
    assert _peak(lambda: assert_refused(path)) < 2e7
