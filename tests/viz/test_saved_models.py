"""Models that were made here lie on disk within a limit; the one used least recently goes first."""

import os
from pathlib import Path

import pytest
import torch
from filelock import FileLock

import models
from viz.services import saved_models

MEGABYTE = 2**20


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADLIGHT_CACHE", str(tmp_path))
    monkeypatch.setattr(saved_models, "DISK_BYTES", 10 * MEGABYTE + 2 * saved_models.SMALL_FILES_BYTES)
    return models.cache_folder()


def write(name: str, size: int, when: int) -> Path:
    """A model of that size, last used then."""

    def fill(place: Path) -> None:
        place.mkdir()
        (place / "config.json").write_text("{}")
        (place / "model.safetensors").write_bytes(bytes(size))

    place = saved_models.written(models.cache_folder() / name, size, fill)
    os.utime(place, (when, when))
    return place


def test_the_one_used_least_recently_goes_first():
    first, second = write("converted/a", 4 * MEGABYTE, 1), write("removed/b", 4 * MEGABYTE, 2)
    write("converted/a", 4 * MEGABYTE, 3)  # used again
    healed = write("converted/healing/c", 8 * MEGABYTE, 4)
    assert [place.is_dir() for place in (first, second, healed)] == [True, False, True]
    write("removed/d", 8 * MEGABYTE, 5)
    assert [place.is_dir() for place in (first, healed)] == [False, False]


def test_what_somebody_writes_just_now_stays():
    place = write("converted/a", 8 * MEGABYTE, 1)
    with FileLock(saved_models._lock(place)):
        write("removed/b", 8 * MEGABYTE, 2)
    assert place.is_dir()


def test_room_for_what_goes_on_is_not_made_by_deleting_what_there_is_of_it():
    begun = write("converted/healing/a", 8 * MEGABYTE, 1)
    saved_models.make_room(begun, 14 * MEGABYTE)
    assert begun.is_dir()


def test_what_is_there_is_not_written_again_and_counts_as_used():
    place = write("converted/a", MEGABYTE, 1)

    def fail(_: Path) -> None:
        raise AssertionError("written again")

    assert saved_models.written(place, MEGABYTE, fail) == place
    assert place.stat().st_mtime > 1


def test_a_full_disk_is_said_before_anything_is_written(monkeypatch: pytest.MonkeyPatch):
    class Usage:
        free = 1000

    monkeypatch.setattr(saved_models.shutil, "disk_usage", lambda _: Usage)
    with pytest.raises(models.BrokenWeights, match=r"only 0\.001 MB are free"):
        write("converted/a", MEGABYTE, 1)
    assert not (models.cache_folder() / "converted" / "a").exists()


def test_a_folder_is_named_by_the_weights_too(tiny_llama: Path):
    model, same = models.load(str(tiny_llama)), models.load(str(tiny_llama))
    place = saved_models.folder("removed", model, "less1", "heads")
    assert saved_models.folder("removed", same, "less1", "heads") == place
    assert saved_models.folder("removed", same, "less1", "other heads") != place
    with torch.no_grad():
        list(same.module.parameters())[3].mul_(2)
    saved_models._fingerprints.clear()
    assert saved_models.folder("removed", same, "less1", "heads") != place
