"""Heads that transformers 4 took out of a model and wrote down as `pruned_heads`."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertForMaskedLM, DistilBertConfig, DistilBertForMaskedLM

from models.errors import BrokenWeights, HeadlightError, UnsupportedModel
from models.loading.loader import load
from models.look.capturing import capture
from tests import tiny_models
from tests.sentences import assert_sentence

TEXT = "The cat sat on the mat."
PRUNED = {0: [1], 1: [0, 2]}
WIDTH = 4  # of a head


def prune(folder: Path, pruned: dict[int, list[int]]) -> None:
    """Take the rows and columns of these heads out of a BERT's weights, as transformers 4's prune_heads did."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    for layer, heads in pruned.items():
        left = torch.tensor([row for row in range(12) if row // WIDTH not in heads])
        attention = f"bert.encoder.layer.{layer}.attention"
        for part in ("query", "key", "value"):
            for kind in ("weight", "bias"):
                name = f"{attention}.self.{part}.{kind}"
                tensors[name] = tensors[name][left].contiguous()
        name = f"{attention}.output.dense.weight"
        tensors[name] = tensors[name][:, left].contiguous()
    save_file(tensors, path, {"format": "pt"})
    write_down(folder, {str(layer): heads for layer, heads in pruned.items()})


def write_down(folder: Path, pruned: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pruned_heads": pruned}))


def silenced(folder: Path) -> BertForMaskedLM:
    """The whole model, whose pruned heads put out nothing."""
    module = BertForMaskedLM.from_pretrained(folder, attn_implementation="eager").eval()
    for layer, heads in PRUNED.items():
        weight = module.get_parameter(f"bert.encoder.layer.{layer}.attention.output.dense.weight")
        for head in heads:
            weight.data[:, head * WIDTH : (head + 1) * WIDTH] = 0
    return module


def test_the_heads_that_are_left_attend_as_in_the_whole_model(tmp_path: Path):
    folder = tiny_models.bert(tmp_path / "bert")
    whole = silenced(folder)
    prune(folder, PRUNED)
    model = load(str(folder))
    assert model.geometry.heads_per_layer == (2, 1)
    run = capture(model, TEXT)
    with torch.no_grad():
        theirs = whole(torch.tensor([run.ids["text"]]), output_attentions=True)
    for layer, kept in ((0, [0, 2]), (1, [1])):
        torch.testing.assert_close(run.pattern(layer), theirs.attentions[layer][0, kept], atol=1e-5, rtol=0)
    ours = model.module(torch.tensor([run.ids["text"]])).logits
    torch.testing.assert_close(ours, theirs.logits, atol=1e-5, rtol=0)
    assert_sentence(model.note)
    assert "L0 H1, L1 H0, L1 H2" in model.note


def test_a_class_that_cannot_be_opened_with_fewer_heads_is_refused_with_the_reason(tmp_path: Path):
    config = DistilBertConfig(n_layers=2, n_heads=3, dim=12, hidden_dim=17, vocab_size=151)
    folder = tiny_models.save(
        DistilBertForMaskedLM(config), tiny_models.word_piece_tokenizer(), tmp_path / "distilbert"
    )
    write_down(folder, {"0": [1]})
    refused(folder, UnsupportedModel, "pruned_heads", "distilbert")


@pytest.mark.parametrize("pruned", [{"0": [7]}, {"9": [0]}, [1, 2], {"0": "all"}, "0"])
def test_a_record_that_is_not_sound_is_refused(tmp_path: Path, pruned: object):
    folder = tiny_models.bert(tmp_path / "bert")
    write_down(folder, pruned)
    refused(folder, BrokenWeights, "pruned_heads")


def refused(folder: Path, kind: type[HeadlightError], *parts: str) -> None:
    with pytest.raises(kind) as caught:
        load(str(folder))
    assert_sentence(caught.value)
    for part in parts:
        assert part in str(caught.value)
