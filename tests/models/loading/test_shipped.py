"""The family as it lies in the package: opened with no network and no cache, and read as transformers reads it."""

import json
import shutil
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

from models import TextTooLong, capture, fetch, load
from models.errors import BrokenWeights
from models.loading.catalog import CATALOG, FAMILY, WEIGHTS, Shipped
from models.loading.source import card_of
from models.run.model import AttentionModel
from models.shape.family import CONTEXT, VOCABULARY, family_config
from tests.models.engine_models import assert_near
from tests.sentences import assert_sentence

NAMES = [name for name, row in CATALOG.items() if row.group == FAMILY]
TEXT = "When Mary and John went to the store, John gave a drink to Mary."
MEGABYTE = 1e6


def place(name: str) -> Shipped:
    source = CATALOG[name].source
    assert isinstance(source, Shipped)
    return source


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever so much as looks up an address fails."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize("name", NAMES)
def test_it_opens_with_no_network_and_no_cache(name: str, no_network: None, own_cache: Path):
    model = load(name, device="cpu")
    run = capture(model, TEXT)
    assert "".join(run.tokens) == TEXT
    assert [run.heads(layer) for layer in range(run.layers())] == [8] * 4
    assert model.note == ""
    assert not own_cache.exists()


@pytest.mark.parametrize("name", NAMES)
def test_it_reads_as_transformers_reads_it(load_once: Callable[[str], AttentionModel], name: str):
    source = place(name)
    # In float64: heads this sharp make float32 differ from it by up to 9e-6, transformers' own as well as ours.
    theirs = AutoModelForCausalLM.from_pretrained(
        source.folder, attn_implementation="eager", dtype=torch.float64
    )
    given = AutoTokenizer.from_pretrained(source.tokenizer)(TEXT, return_tensors="pt")
    with torch.no_grad():
        expected = theirs.eval()(**given, output_attentions=True)
    run = capture(load_once(name), TEXT)
    assert run.ids["text"] == tuple(given["input_ids"][0].tolist())
    for layer, pattern in enumerate(expected.attentions):
        assert_near(run.pattern(layer).double(), pattern[0], 2e-5)
    assert_near(run.predictions[0].double(), torch.softmax(expected.logits[0, -1], dim=-1), 1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_bf16_on_disk_and_float32_in_memory(load_once: Callable[[str], AttentionModel], name: str):
    with safe_open(place(name).folder / "model.safetensors", framework="pt") as stored:
        assert {stored.get_slice(key).get_dtype() for key in stored.keys()} == {"BF16"}  # noqa: SIM118
        kept = stored.get_tensor("model.embed_tokens.weight")
    module = load_once(name).module
    assert module.dtype == torch.float32
    torch.testing.assert_close(module.get_input_embeddings().weight, kept.float(), rtol=0, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_row_of_the_family_and_nothing_else(load_once: Callable[[str], AttentionModel], name: str):
    model = load_once(name)
    assert (model.geometry.context, model.geometry.vocab) == (CONTEXT, VOCABULARY) == (512, 4096)
    expected, found = family_config(CATALOG[name].kind).to_dict(), model.module.config.to_dict()
    bookkeeping = {"architectures", "dtype", "transformers_version", "_name_or_path", "_attn_implementation"}
    assert {key: found[key] for key in expected.keys() - bookkeeping} == {
        key: expected[key] for key in expected.keys() - bookkeeping
    }


def test_all_four_are_small():
    folders = [*WEIGHTS.glob("family-*"), WEIGHTS / "tokenizer"]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 32 * MEGABYTE
    assert len([path for path in files if path.name == "tokenizer.json"]) == 1


def test_a_text_beyond_its_context_is_refused_in_a_sentence(load_once: Callable[[str], AttentionModel]):
    model = load_once("family-mha")
    with pytest.raises(TextTooLong, match="reads at most 512") as caught:
        capture(model, "the cat sat on the mat " * 200)
    assert_sentence(caught.value)
    run = capture(model, "the cat sat on the mat " * 200, max_tokens=2048)
    assert len(run.tokens) == 512
    assert run.dropped == caught.value.tokens - 512


def test_damaged_weights_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    source = place("family-mha")
    shutil.copytree(source.folder, tmp_path / "family-mha")
    weights = tmp_path / "family-mha" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    moved = replace(CATALOG["family-mha"], source=Shipped(tmp_path / "family-mha", source.tokenizer))
    monkeypatch.setattr("models.loading.source.entry", lambda _: moved)
    with pytest.raises(BrokenWeights, match="cannot be read as safetensors") as caught:
        load("family-mha")
    assert_sentence(caught.value)


def test_fetching_it_says_that_there_is_nothing_to_fetch(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], own_cache: Path, no_network: None
):
    monkeypatch.setattr("sys.argv", ["models.fetch"])
    assert fetch.main() == 0
    said = capsys.readouterr().out
    assert (
        said
        == f"family-mha comes with Headlight and needs no fetching: it is in {place('family-mha').folder}\n"
    )
    assert not own_cache.exists()


@pytest.mark.parametrize("name", NAMES)
def test_its_card_describes_the_model_that_lies_beside_it(
    load_once: Callable[[str], AttentionModel], name: str
):
    card = card_of(name)
    assert card is not None
    model, row = load_once(name), CATALOG[name]
    assert (card.name, card.kind, card.parameters, card.licence) == (
        name,
        row.kind,
        row.parameters,
        row.licence,
    )
    assert card.geometry == model.geometry
    held = json.loads((place(name).folder / "card.json").read_text())
    assert held["undertrained"] == card.undertrained
    assert f"# {name}" in (place(name).folder / "README.md").read_text()


def test_what_is_fetched_has_no_card():
    assert card_of("smollm2-135m") is None
    assert card_of("org/anything") is None
