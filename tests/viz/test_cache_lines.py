"""What a cache takes by formula while a model writes: DeepSeek-V2 (arXiv 2405.04434), Table 1, by hand."""

from collections.abc import Callable
from pathlib import Path

import torch
from transformers import MistralConfig, MistralForCausalLM

import models
from models.shape.family import family_name
from tests.tiny_models import byte_level_tokenizer
from viz.services.cache_lines import cache_lines

Loader = Callable[[str], models.AttentionModel]


def test_each_kind_keeps_what_table_1_says(load_once: Loader):
    model = load_once(family_name("gqa"))
    size = model.dtype.itemsize
    formulas = cache_lines(model, 200)
    # 4 layers; keys and values of 8, 2 or 1 heads of 32; a latent of 4 x 32 and a rotary key of 16.
    expected = {
        "GQA-2": 4 * 2 * 2 * 32,
        "MHA": 4 * 2 * 8 * 32,
        "MQA": 4 * 2 * 32,
        "MLA-128": 4 * (128 + 16),
    }
    assert {line.label: line.points[-1] for line in formulas.lines} == {
        label: (200, 200 * size * numbers) for label, numbers in expected.items()
    }
    assert [line.label for line in formulas.lines if line.own] == ["GQA-2"]
    assert all(held == tokens * size * 512 for tokens, held in formulas.lines[0].points)
    assert formulas.own_bytes(123) == 123 * size * 512


def test_a_model_with_all_its_heads_is_not_called_grouped(load_once: Loader):
    formulas = cache_lines(load_once(family_name("mha")), 10)
    held = {line.label: line.points[-1][1] for line in formulas.lines}
    assert held["MHA"] == 2 * held["GQA-4"] == 8 * held["MQA"]


def test_a_window_bends_the_models_own_line_and_no_other():
    config = MistralConfig(
        vocab_size=300, hidden_size=48, intermediate_size=64, num_hidden_layers=2, num_attention_heads=6,
        num_key_value_heads=2, head_dim=8, sliding_window=16, max_position_embeddings=128,
    )  # fmt: skip
    torch.manual_seed(0)
    model = models.wrap(MistralForCausalLM(config).eval(), byte_level_tokenizer())
    formulas = cache_lines(model, 64)
    own, mha = formulas.lines[0], next(line for line in formulas.lines if line.label == "MHA")
    each = 2 * 2 * 2 * 8 * 4  # bytes of a token
    assert own.points[-1] == (
        64,
        15 * each,
    )  # transformers keeps one less than the window: the next token is the last
    assert (5, 5 * each) in own.points
    assert mha.points[-1] == (64, 64 * 3 * each)
    steps: list[models.WritingStep] = []
    text = "a b c d e f g h i j"
    list(models.stream(model, text, 8, heard=steps.append))
    assert [step.cache.used for step in steps if step.cache] == [
        formulas.own_bytes(step.tokens) for step in steps
    ]
    assert steps[-1].tokens > 16


def test_an_encoder_decoder_has_its_own_line_alone(tiny_t5: Path):
    model = models.load(str(tiny_t5))
    formulas = cache_lines(model, 8, source_tokens=5)
    assert [line.own for line in formulas.lines] == [True]
    steps: list[models.WritingStep] = []
    text = "the cat sat on the mat"
    list(models.stream(model, text, 8, heard=steps.append))
    formulas = cache_lines(model, 8, source_tokens=models.count_tokens(model, text))
    assert [step.cache.used for step in steps if step.cache] == [
        formulas.own_bytes(step.tokens) for step in steps
    ]
