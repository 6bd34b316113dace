"""What cannot be converted is said in a sentence, and the original is as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import models
from models.conversion.calibration import needed_tokens
from models.conversion.convert import convert_to_mla, ranks_for_budget
from models.conversion.ranks import full_rank
from models.errors import BadSelection, BadText, HeadlightError, UnsupportedModel
from models.loading.loader import wrap
from models.loading.saved_folder import save
from tests import tiny_models
from tests.models.conversion.test_convert import LAYERS, TEXT, converted, ids, logits, module, source, spectra
from tests.models.engine_models import engine
from tests.sentences import assert_sentence


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("deepseek_v3", "already"),
        ("bert", "encoder"),
        ("t5", "encoder-decoder"),
        ("gpt2", "Llama, Mistral and Qwen2"),
        ("qwen3", "Llama, Mistral and Qwen2"),
    ],
)
def test_other_models_are_refused(name: str, says: str):
    with pytest.raises(UnsupportedModel, match=says) as refused:
        convert_to_mla(engine(name), 8)
    assert_sentence(refused.value)


def test_a_converted_model_is_not_converted_again():
    with pytest.raises(UnsupportedModel, match="already, of 17") as refused:
        convert_to_mla(converted(), 8)
    assert_sentence(refused.value)


@pytest.mark.parametrize(
    "rank", [0, -3, 41, True, 2.5, (8, 8), (8, 0, 8), (8, 8, 41), [8, 8, 8, 8], "many", None]
)
def test_ranks_that_there_are_not(rank: Any):
    assert full_rank(source()) == 40
    with pytest.raises(BadSelection) as refused:
        convert_to_mla(source(), rank, spectra())
    assert_sentence(refused.value)
    assert "40" in str(refused.value) or f"{LAYERS} layers" in str(refused.value)


@pytest.mark.parametrize("budget", [0, LAYERS * 4 - 1, LAYERS * 40 * 4 + 4])
def test_budgets_that_there_are_not(budget: int):
    with pytest.raises(BadSelection, match=r"12 to 480 bytes") as refused:
        ranks_for_budget(source(), budget, spectra())
    assert_sentence(refused.value)


@pytest.mark.parametrize("texts", ["the cat sat on the mat", ["the cat", "the dog"], "", [], ["\ud800"]])
def test_texts_that_are_too_short(texts: Any):
    with pytest.raises(BadText) as refused:
        convert_to_mla(source(), 8, texts)
    assert_sentence(refused.value)
    if texts and "\ud800" not in texts:
        assert f"at least {needed_tokens(source())}, " in str(refused.value)


def test_spectra_of_another_model():
    other = wrap(module("llama", num_hidden_layers=2), tiny_models.byte_level_tokenizer(), "Two layers")
    with pytest.raises(BadSelection, match="3 layers") as refused:
        convert_to_mla(other, 8, spectra())
    assert_sentence(refused.value)


class Cancelled(Exception):
    """What a page raises where somebody pressed Cancel."""


def test_cancelled_anywhere_leaves_the_original_as_it_was():
    model = wrap(module("llama"), tiny_models.byte_level_tokenizer(), "tiny")
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    truth = logits(model, ids())
    said: list[float] = []
    convert_to_mla(model, 11, TEXT, progress=lambda _, fraction: said.append(fraction))
    assert said == sorted(said)
    assert said[-1] == 1.0
    for stop in range(len(said)):
        left = stop

        def listen(_: str, __: float) -> None:
            nonlocal left
            if left == 0:
                raise Cancelled
            left -= 1

        with pytest.raises(Cancelled):
            convert_to_mla(model, 11, TEXT, progress=listen)
    after = model.module.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert not any(part._forward_hooks for part in model.module.modules() if type(part).__name__ == "Linear")
    assert torch.equal(logits(model, ids()), truth)


def test_the_two_share_no_weights():
    model = source()
    held = {tensor.data_ptr() for tensor in model.module.state_dict().values()}
    assert held.isdisjoint(tensor.data_ptr() for tensor in converted().module.state_dict().values())
    tied = wrap(module("llama", tie_word_embeddings=True), model.tokenizer, "tied")
    made: Any = convert_to_mla(tied, 40, TEXT).module
    assert made.lm_head.weight is made.model.embed_tokens.weight
    assert sum(part.numel() for part in made.parameters()) == made.num_parameters()


def test_nothing_is_drawn_at_random():
    torch.manual_seed(4)
    state = torch.get_rng_state()
    first = logits(convert_to_mla(source(), 11, TEXT), ids())
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(logits(convert_to_mla(source(), 11, TEXT), ids()), first)


def test_saving_overwrites_nothing(tmp_path: Path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "config.json").write_text("{}")
    (tmp_path / "file").write_text("")
    for place in ("full", "file"):
        with pytest.raises(HeadlightError) as refused:
            save(converted(), tmp_path / place)
        assert_sentence(refused.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "full"]


def test_a_damaged_config_is_refused(tmp_path: Path):
    place = save(converted(), tmp_path / "made")
    config = (place / "config.json").read_text().replace('"kv_lora_rank": 17', '"kv_lora_rank": 18')
    (place / "config.json").write_text(config)
    with pytest.raises(HeadlightError) as refused:
        models.load(str(place), device="cpu")
    assert_sentence(refused.value)
