"""The file of a training's record, and at which steps one is made."""

import json
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from models.errors import BadSelection, HeadlightError
from models.look.formation import Formation
from models.look.scores import NAMES, Scores
from models.training import record_steps
from tests import formations


def test_what_is_saved_is_what_is_loaded(tmp_path: Path):
    formation = formations.formation()
    formation.save(tmp_path / "formation.npz")
    again = Formation.load(tmp_path / "formation.npz")
    assert again.steps == (1, 3, 9, 27)
    assert again.tokens_seen == (100, 300, 900, 2700)
    assert again.validation_loss.tolist() == [8, 7, 6, 5]
    assert again.token_strings == ("a", " ü", "<F0>")
    assert (again.kind, again.model_name, again.support["self_attention"]) == ("gqa", "small", 17)
    for name in NAMES:
        np.testing.assert_array_equal(again.scores[name], formation.scores[name])
        np.testing.assert_array_equal(again.chance[name], formation.chance[name])
    np.testing.assert_array_equal(again.tiles, formation.tiles)
    assert [path.name for path in tmp_path.iterdir()] == ["formation.npz"]


def test_weak_weights_stay_apart_in_a_byte():
    weights = np.array([0, 0.0001, 0.001, 0.01, 0.1, 0.5, 1], np.float32)
    nothing = {name: torch.zeros(1, 1) for name in NAMES}
    scores = Scores(nothing, nothing, dict.fromkeys(NAMES, 9))
    tiles = np.broadcast_to(weights, (1, 1, 7, 7))
    formation = Formation.empty(1, 1, ("a", "b"), "mha", "one", 7).with_record(
        0, scores, tiles, tokens_seen=0, validation_loss=1.0
    )
    np.testing.assert_allclose(np.sqrt(formation.weights(0)[0, 0, 0]), np.sqrt(weights), atol=0.51 / 255)


def test_the_strongest_head_is_named():
    formation = formations.formation()
    values, where = formation.strongest("induction")
    for record, (layer, head) in enumerate(where):
        assert values[record] == formation.scores["induction"][record].max()
        assert values[record] == formation.scores["induction"][record, layer, head]


def test_a_record_of_24_steps_of_the_family_takes_less_than_a_megabyte(tmp_path: Path):
    """With noise for tiles, which compresses worst of all."""
    generator = np.random.default_rng(0)
    formation = formations.formation(records=1)
    tiles = generator.integers(0, 256, (24, 4, 8, 32, 32), dtype=np.uint8)
    curves = {name: generator.random((24, 4, 8), dtype=np.float32) for name in NAMES}
    levels = {name: np.zeros((4, 8), np.float32) for name in NAMES}
    steps = record_steps(3000, 24)
    Formation(
        steps,
        steps,
        np.zeros(24, np.float32),
        curves,
        levels,
        formation.support,
        tiles,
        ("a",) * 128,
        "mha",
        "x",
    ).save(tmp_path / "formation.npz")
    assert (tmp_path / "formation.npz").stat().st_size < 1e6
    assert len(Formation.load(tmp_path / "formation.npz")) == 24


def _without(path: Path, name: str) -> None:
    with np.load(path) as file:
        arrays = {key: file[key] for key in file.files if key != name}
    np.savez(path, **arrays)


def _changed_head(path: Path, **changes: object) -> None:
    with np.load(path) as file:
        arrays = {key: file[key] for key in file.files}
    head = json.loads(arrays["head"].tobytes()) | changes
    arrays["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
    np.savez(path, **arrays)


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"no such thing"),
        lambda path: path.write_bytes(path.read_bytes()[:-200]),
        lambda path: zipfile.ZipFile(path, "w").writestr("a.txt", "text"),
        lambda path: np.savez(path, weights=np.zeros(3)),
        lambda path: np.savez(path, head=np.array([{}], dtype=object)),
        lambda path: _without(path, "tiles"),
        lambda path: _without(path, "scores.induction"),
        lambda path: _changed_head(path, format="headlight-capture"),
        lambda path: _changed_head(path, version=99),
        lambda path: _changed_head(path, steps=[1, 3, 9]),
        lambda path: _changed_head(path, steps=[1, 9, 3, 27]),
        lambda path: _changed_head(path, steps="1234"),
        lambda path: _changed_head(path, token_strings=[1, 2]),
        lambda path: _changed_head(path, support={"induction": "many"}),
        lambda path: _changed_head(path, kind=["mha"]),
    ],
)
def test_a_broken_or_foreign_file_is_told_in_one_sentence(tmp_path: Path, harm):
    path = tmp_path / "formation.npz"
    formations.formation().save(path)
    harm(path)
    with pytest.raises(HeadlightError) as told:
        Formation.load(path)
    assert str(path) in str(told.value)
    assert str(told.value).endswith(".")
    assert "\n" not in str(told.value)


def test_an_array_that_nobody_asked_for_is_not_read(tmp_path: Path):
    path = tmp_path / "formation.npz"
    formations.formation().save(path)
    with np.load(path) as file:
        arrays = {key: file[key] for key in file.files}
    np.savez_compressed(path, **arrays, unasked=np.zeros(10**8, np.uint8))
    tracemalloc.start()
    try:
        Formation.load(path)
        assert tracemalloc.get_traced_memory()[1] < 2e7
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("last", "count"), [(3052, 24), (300, 24), (24, 24), (1_000_000, 24), (50, 5), (2, 3)]
)
def test_steps_are_distinct_and_even_in_the_logarithm(last: int, count: int):
    steps = record_steps(last, count)
    assert len(steps) == count
    assert steps[:2] == (0, 1)
    assert steps[-1] == last
    assert list(steps) == sorted(set(steps))
    late = [step for step in steps if step >= 50]
    ratios = np.array(late[1:]) / np.array(late[:-1])
    assert ratios.size == 0 or ratios.max() / ratios.min() < 1.06


def test_a_short_run_is_recorded_at_every_step():
    assert record_steps(5, 24) == (0, 1, 2, 3, 4, 5)


@pytest.mark.parametrize(("last", "count"), [(0, 24), (10, 1)])
def test_steps_that_cannot_be_spaced(last: int, count: int):
    with pytest.raises(BadSelection, match="cannot be spaced"):
        record_steps(last, count)
