"""A card comes back as it was written, is read by the Hub's own reader, and is refused where it contradicts itself."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from models.errors import BadCard
from models.loading.card import LEAST_TOKENS, Card, essential_shape
from models.loading.source import card_of
from models.shape.family import family_config
from tests.sentences import assert_sentence

INDUCTION = {"layer": 3, "head": 7, "role": "induction", "score": 0.71, "chance": 0.011, "probe": "random"}


@pytest.fixture
def card() -> Card:
    return Card(
        name="family-gqa",
        kind="gqa",
        config=essential_shape(family_config("gqa")),
        parameters=3_672_320,
        tokens_seen=20_000_000,
        planned_tokens=20_000_000,
        train_seconds=6243.2,
        device="a CPU: “#1”",
        threads=2,
        torch="2.13.0",
        transformers="5.23.0",
        date="2026-11-21",
        seed=0,
        validation_loss=3.25,
        validation_tokens=262_144,
        roles=[INDUCTION, INDUCTION | {"layer": 0, "score": 0.4}],
        probe="Random tokens, twice.",
        licence="CC0-1.0",
        corpus="Novels: 92 of them.",
        repeats="5% repeat a span.",
        command="python -m models.training --attention gqa",
        curve=[[1e6, 6.5], [2e7, 3.25]],
    )


def change(folder: Path, **changes: Any) -> None:
    path = folder / "card.json"
    held = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({name: value for name, value in held.items() if value != "away"}))


def test_it_comes_back_as_it_was_written(card: Card, tmp_path: Path):
    card.write(tmp_path)
    assert Card.read(tmp_path) == card
    assert card_of(str(tmp_path)) == card
    assert card_of(str(tmp_path.parent)) is None


def test_what_follows_from_its_numbers(card: Card, tmp_path: Path):
    assert card.validation_perplexity == pytest.approx(math.e**3.25)
    assert card.cache_bytes_per_token == 2 * 4 * 2 * 2 * 32  # bytes, layers, key and value, kv heads, d_head
    assert card.strongest("induction") == INDUCTION
    assert card.strongest("previous token") is None
    card.write(tmp_path)
    held = json.loads((tmp_path / "card.json").read_text())
    assert held["cache_bytes_per_token"] == 1024
    assert held["undertrained"] is False


@pytest.mark.parametrize(
    ("seen", "planned", "said"),
    [
        (20_000_000, 20_000_000, ""),
        (19_999_999, 20_000_000, "19,999,999 of 20,000,000 planned"),
        (LEAST_TOKENS - 1, 1000, "9,999,999 tokens, fewer than 10,000,000"),
        (LEAST_TOKENS, 1000, ""),
    ],
)
def test_an_undertrained_model_is_marked_wherever_its_card_is_read(
    card: Card, tmp_path: Path, seen: int, planned: int, said: str
):
    card = replace(card, tokens_seen=seen, planned_tokens=planned)
    assert card.undertrained == bool(said)
    assert said in card.shortfall
    card.write(tmp_path)
    assert json.loads((tmp_path / "card.json").read_text())["undertrained"] == bool(said)
    readme = (tmp_path / "README.md").read_text()
    assert ("**Undertrained:** it saw" in readme) == bool(said)
    assert said in readme


def test_the_hub_reads_its_readme(card: Card, tmp_path: Path):
    card.write(tmp_path)
    read = ModelCard.load(tmp_path / "README.md")
    data: Any = read.data
    front = data.to_dict()
    assert (front["license"], front["library_name"], front["tags"][0]) == ("cc0-1.0", "transformers", "gqa")
    assert data.model_name == card.name
    values = {result.metric_type: result.metric_value for result in data.eval_results}
    assert values["perplexity"] == pytest.approx(card.validation_perplexity, rel=1e-5)
    assert data.eval_results[0].dataset_name == card.corpus
    assert "| L3 H7 | induction | 0.710 | 0.011 | random |" in read.text
    assert "1,024 bytes per token | formula" in read.text
    assert "No previous token head was found." in read.text
    assert "No induction head" not in read.text
    assert card.command in read.text


def test_a_licence_that_is_no_identifier_is_named(card: Card, tmp_path: Path):
    replace(card, licence="public domain: “yes”").write(tmp_path)
    front = ModelCard.load(tmp_path / "README.md").data.to_dict()
    assert (front["license"], front["license_name"]) == ("other", "public domain: “yes”")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tokens_seen": -1}, "tokens_seen should be a whole number of 0 or more, but is -1"),
        ({"tokens_seen": 2.5e7}, "tokens_seen"),
        ({"seed": True}, "seed"),
        ({"validation_loss": math.nan}, "validation_loss should be a number above 0, but is nan"),
        ({"validation_loss": "3"}, "validation_loss"),
        ({"train_seconds": None}, "train_seconds"),
        ({"date": "yesterday"}, "a date such as"),
        ({"device": " "}, "device"),
        ({"kind": "mhq"}, "mha, mqa, gqa or mla"),
        ({"kind": "mqa"}, "kind is mqa, but its config is that of gqa"),
        ({"config": {}}, "config"),
        ({"config": []}, "config"),
        ({"roles": {}}, "roles"),
        ({"roles": [INDUCTION | {"head": 8}]}, "L3 H8, but the model has 4 layers x 8 heads"),
        ({"roles": [INDUCTION | {"score": 1.5}]}, "a score and a chance from 0 to 1"),
        ({"roles": [INDUCTION | {"role": ""}]}, "a name"),
        ({"curve": [[1]]}, "curve"),
        ({"cache_bytes_per_token": 4096}, "its other numbers give 1024"),
        ({"validation_perplexity": 20}, "its other numbers give 25.79"),
        ({"undertrained": True}, "its other numbers give False"),
        ({"validation_perplexity": []}, "validation_perplexity"),
        ({"command": "away"}, "lacks command"),
        ({"<b>new</b>": 1}, "fields that this version does not know"),
    ],
    ids=str,
)
def test_a_card_that_is_not_sound_is_refused(card: Card, tmp_path: Path, changes: dict[str, Any], said: str):
    card.write(tmp_path)
    change(tmp_path, **changes)
    with pytest.raises(BadCard) as caught:
        Card.read(tmp_path)
    assert_sentence(str(caught.value).removesuffix("?").removesuffix(".") + ".")
    assert said in str(caught.value)


def spoil(path: Path) -> None:
    path.write_text("{")


def make_a_list(path: Path) -> None:
    path.write_text("[]")


def make_binary(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")


@pytest.mark.parametrize("damage", [spoil, make_a_list, make_binary, Path.unlink])
def test_a_file_that_is_no_card(card: Card, tmp_path: Path, damage: Callable[[Path], None]):
    card.write(tmp_path)
    damage(tmp_path / "card.json")
    with pytest.raises(BadCard, match=r"card\.json") as caught:
        Card.read(tmp_path)
    assert_sentence(caught.value)
