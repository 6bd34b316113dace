"""Places that several heads look at, counted by hand; a head that is off beside one whose weights are zeroed."""

from typing import Any

import pytest
import torch

from models.classic.characters import END_ID, START_ID, character_tokenizer
from models.classic.many_heads import (
    aligned,
    mean_distance,
    places_at_once,
    stack_patterns,
    without_each_head,
)
from models.classic.transformer import CrossModel
from models.classic.transformer_layers import CrossConfig
from models.loading.loader import wrap
from models.run.model import AttentionModel

TEXT, ISO = "9 May 2018", "2018-05-09"


def looking_at(places: list[list[list[int]]], keys: int) -> torch.Tensor:
    """Patterns whose heads look at one place each: [layer][head][query]."""
    return torch.nn.functional.one_hot(torch.tensor(places), keys).float()


@pytest.fixture(scope="module")
def model() -> AttentionModel:
    tokenizer = character_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config: Any = CrossConfig(
            vocab_size=len(tokenizer), hidden_size=12, intermediate_size=14, encoder_layers=2, decoder_layers=3,
            encoder_attention_heads=3, decoder_attention_heads=2,
        )  # fmt: skip
        module = CrossModel(config)
        for weight in module.parameters():
            torch.nn.init.normal_(weight, std=0.4)
    return wrap(module, tokenizer, "Cross")


def test_different_places_are_counted_by_layer_and_over_all():
    found = places_at_once(looking_at([[[0, 3], [0, 2], [4, 1]], [[0, 1], [0, 1], [0, 1]]], 5))
    assert found.per_layer.tolist() == [[2, 3], [1, 1]]
    assert found.together.tolist() == [2, 3]


def test_one_head_looks_at_one_place():
    assert places_at_once(torch.rand(1, 1, 4, 6)).together.tolist() == [1] * 4


def test_how_far_a_head_looks():
    ahead = looking_at([[[1, 2, 2]]], 3)
    even = torch.full((1, 1, 3, 3), 1 / 3)
    assert mean_distance(ahead).item() == pytest.approx(2 / 3)
    assert mean_distance(even).item() == pytest.approx((1 + 2 / 3 + 1) / 3)


def test_a_head_that_looks_where_it_is_said():
    patterns = looking_at([[[0, 3, 1, 4], [2, 3, 1, 0]]], 5)
    shares = aligned(patterns, [(0, 2), None, (2, 4), (4, 5)])
    assert shares.flatten().tolist() == pytest.approx([2 / 3, 0.0])


@pytest.mark.parametrize(
    ("stack", "layers", "heads", "rows"), [("encoder", 2, 3, 11), ("decoder", 3, 2, 11), ("cross", 3, 2, 11)]
)
def test_each_stack_has_its_patterns(model: AttentionModel, stack: str, layers: int, heads: int, rows: int):
    patterns = stack_patterns(model, TEXT, ISO, stack)
    assert patterns.shape == (
        layers,
        heads,
        rows,
        11,
    )  # the text with its end mark; the start mark with the answer
    torch.testing.assert_close(patterns.sum(-1), torch.ones(layers, heads, rows))


@pytest.mark.parametrize(
    ("stack", "name"), [("encoder", "encoder.layers.1.self_attn"), ("cross", "decoder.layers.1.cross_attn")]
)
def test_a_head_off_is_one_whose_output_weights_are_zero(model: AttentionModel, stack: str, name: str):
    found = without_each_head(model, TEXT, ISO, stack)
    torch.testing.assert_close(found.whole, probabilities(model))
    layers, heads = found.without.shape[:2]
    assert (layers, heads) == ((2, 3) if stack == "encoder" else (3, 2))
    projection = model.module.get_submodule(f"{name}.o_proj")
    weight: Any = projection.weight
    kept, width = weight.detach().clone(), 12 // heads
    try:
        weight.data[:, width : 2 * width] = 0.0
        expected = probabilities(model)
    finally:
        weight.data.copy_(kept)
    torch.testing.assert_close(found.without[1, 1], expected)
    assert not torch.allclose(found.without[1, 1], found.whole)
    assert found.answer == pytest.approx(found.whole.prod().item())
    assert found.answers.shape == (layers, heads)
    assert found.answers[1, 1].item() == pytest.approx(expected.prod().item(), rel=1e-4)


@torch.no_grad()
def probabilities(model: AttentionModel) -> torch.Tensor:
    """Of the right characters, by the module alone."""
    tokenizer: Any = model.tokenizer
    read, module = tokenizer(TEXT)["input_ids"], model.module
    answer = [number for number in tokenizer(ISO)["input_ids"] if number != END_ID]
    logits = module(
        input_ids=torch.tensor([read]), decoder_input_ids=torch.tensor([[START_ID, *answer[:-1]]])
    ).logits
    return logits[0].softmax(-1).gather(1, torch.tensor(answer)[:, None])[:, 0]
