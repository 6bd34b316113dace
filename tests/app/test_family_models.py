"""The page on the models that come with Headlight: the first view, the picker, the card, the shorter context."""

import json
import shutil
import socket
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

import models
from models.loading.card import Card
from models.loading.catalog import CATALOG, FAMILY, WEIGHTS
from tests.app import visit
from tests.sentences import assert_sentence
from viz import samples, services

NAMES = [name for name, row in CATALOG.items() if row.group == FAMILY]


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Whoever so much as looks up an address fails; the cache is empty."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("HEADLIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def text_of(app: visit.AppTest) -> str:
    """All that stands there as Markdown or small print."""
    return "\n".join(element.value for element in (*app.markdown, *app.caption))


def test_the_first_view_is_the_family_without_network_or_press(no_network: Path):
    app = visit.visit()
    assert visit.complaints(app) == []
    assert app.selectbox(key="model").value == "family-mha"
    assert visit.part(app, "wall-decoder")["atlas"]["heads"] == [8] * 4
    shown = services.capture(services.Request("family-mha", "auto", samples.DEFAULT.text))
    np.testing.assert_allclose(visit.cells(app), shown.pattern(*visit.chosen_head(app)).numpy(), atol=1e-6)
    assert "".join(shown.tokens) == samples.DEFAULT.text
    assert not no_network.exists()


def test_the_picker_lists_the_family_first_by_its_groups_name():
    options = visit.visit().selectbox(key="model").options
    groups = [option.split(" · ")[0] for option in options]
    assert groups == ["Family"] * 4 + ["Pretrained"] * 2 + ["Ancestor"] * 5
    assert [option for option in options if "MLA" in option]


@pytest.mark.parametrize("name", NAMES)
def test_the_card_stands_beside_the_model(name: str):
    app = visit.visit(model=name)
    card = Card.read(WEIGHTS / name)
    said = text_of(app)
    assert f"| validation loss | {card.validation_loss:.3f} nats per token | *measured* |" in said
    assert f"| key/value cache, bf16 | {card.cache_bytes_per_token:,} bytes per token | *formula* |" in said
    assert f"{card.tokens_seen:,}" in said
    assert card.date[:10] in said
    assert app.code[0].value == card.command
    for row in card.roles:
        assert f"| L{row['layer']} H{row['head']} | {row['role']} |" in said
    assert ("undertrained" in said) == card.undertrained


@pytest.fixture
def own_model(tiny_llama: Path, tmp_path: Path) -> Path:
    """A folder with a model and a card, as training leaves it; here with the family's card of another size."""
    folder = shutil.copytree(tiny_llama, tmp_path / "own")
    shutil.copy(WEIGHTS / "family-gqa" / "card.json", folder)
    return folder


def change(folder: Path, **changes: object) -> None:
    held = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**held, **changes}))


def test_an_undertrained_model_is_marked_in_the_picker_and_beside_its_name(
    own_model: Path, monkeypatch: pytest.MonkeyPatch
):
    change(own_model, name="![x](a) one", tokens_seen=5_000_000, planned_tokens=9_000_000, undertrained=True)
    short = Card.read(own_model)
    monkeypatch.setattr("models.card_of", lambda name: short if name == "family-gqa" else None)
    app = visit.visit(model="family-gqa")
    assert "Family · GQA · undertrained" in app.selectbox(key="model").options
    line = next(caption.value for caption in app.caption if "grouped-query attention" in caption.value)
    assert line.index(":orange-badge[undertrained]") < line.index("grouped-query")
    assert "it saw 5,000,000 of 9,000,000 planned tokens" in text_of(app)
    assert "![x]" not in text_of(app)


def test_a_folder_of_ones_own_shows_its_card_or_why_it_does_not(own_model: Path):
    app = visit.visit(model=own_model, text="one two one two")
    assert any("validation perplexity" in element.value for element in app.markdown)
    change(own_model, seed="zero")
    visit.rerun(app)
    assert visit.complaints(app) == []
    assert not any("validation perplexity" in element.value for element in app.markdown)
    said = next(note for note in visit.notes(app) if "seed should be" in note)
    assert_sentence(said.removeprefix(":material/info: "))


def test_models_without_a_card_have_none(tiny_llama: Path):
    app = visit.visit(model=tiny_llama, text="one two one two")
    assert not any("validation perplexity" in element.value for element in app.markdown)


def test_a_text_beyond_the_familys_context_is_cut_there():
    app = visit.visit(text="the cat sat on the mat " * 200, limit=2048)
    (sentence,) = visit.complaints(app)
    assert_sentence(sentence)
    assert "limit of 512" in sentence
    assert "this model reads no more" in sentence
    assert models.load("family-mha").geometry.context == 512
