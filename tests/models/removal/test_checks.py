"""What is said of removed heads before and after: operations, sameness, and whether one thing is faster than another."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

import models
from models.measuring.measurement import Contender
from models.measuring.reading_time import reading_in_turn
from models.measuring.speedup import speedup
from models.removal.flops import reading_flops, writing_flops
from models.removal.sameness import compare_with_gated
from models.run.model import demand_tokenizer
from tests.models.engine_models import engine
from tests.sentences import assert_sentence

OFF = ((0, 1), (1, 0), (1, 3), (2, 3))


def test_operations_of_a_llama_by_hand():
    """3 layers, 6 heads and 2 key/value heads of width 10, d_model 62: what every matrix and product comes to."""
    model = engine("llama gqa")
    config = model.module.config
    wide, d_model, inner = 10, config.hidden_size, config.intermediate_size
    cost = models.removal_cost(model, OFF)
    assert sum(cost.heads_after) == 14
    own = d_model * (6 * wide + 2 * 2 * wide + 6 * wide)
    reading, tokens = reading_flops(model, cost, 7), 7
    products = 2 * (2 * wide) * (7 * 8 // 2)  # scores and sums of one head over what 7 tokens may see
    assert reading.heads == 3 * 2 * own * tokens + 18 * products
    rest = 3 * 2 * 3 * d_model * inner * tokens + 2 * d_model * config.vocab_size
    assert reading.before == reading.heads + rest
    # Four query heads go, and no group is whole: each takes its rows of q and its columns of o along.
    assert reading.before - reading.after == 4 * (2 * 2 * d_model * wide * tokens + products)
    assert reading.share == reading.heads / reading.before
    writing = writing_flops(model, cost, 7)
    assert writing is not None
    step = 2 * (3 * own + 3 * 3 * d_model * inner + d_model * config.vocab_size)
    assert writing.before == step + 18 * 2 * (2 * wide) * 7


@pytest.mark.parametrize("name", ["llama mha", "llama gqa", "gpt2", "deepseek_v3"])
def test_operations_agree_with_those_of_the_cost_model(name: str):
    """Two formulas, written apart from each other; theirs counts a decoder's layers as well."""
    model = engine(name)
    cost = models.removal_cost(model, OFF)
    theirs = models.cost(model, 40)
    reading, writing = reading_flops(model, cost, 40), writing_flops(model, cost, 40)
    assert theirs.prefill is not None
    assert theirs.decode is not None
    assert writing is not None
    assert reading.before == pytest.approx(theirs.prefill.flops, rel=0.02)
    assert writing.before == pytest.approx(theirs.decode.flops, rel=0.02)


def test_latents_that_are_expanded_at_every_step_have_no_formula_for_writing():
    model = models.convert_to_mla(models.load("family-gqa", device="cpu"), 64)
    assert writing_flops(model, models.removal_cost(model, [(0, 1)]), 10) is None


@pytest.mark.parametrize("name", ["llama gqa", "gpt2", "deepseek_v3", "bert"])
def test_the_smaller_model_is_the_gated_one_and_no_other(name: str):
    model = engine(name)
    text = "one two three four one two"
    smaller = models.remove_heads(model, OFF)
    found = compare_with_gated(model, smaller, text, OFF)
    assert found.relative < 1e-5
    assert found.scale > 0
    assert found.tokens == len(demand_tokenizer(model)(text)["input_ids"])
    other = compare_with_gated(model, smaller, text, OFF[:-1])  # a single head more or less is seen
    assert other.relative > 100 * found.relative
    assert other.relative > 1e-5


def test_speedup_pairs_repeats():
    found = speedup((1.0, 2.0, 4.0), (2.0, 2.5, 4.4))
    assert found.each == (2.0, 1.25, pytest.approx(1.1))
    assert (found.median, found.faster, found.slower) == (1.25, True, False)
    mixed = speedup((1.0, 2.0), (2.0, 1.0))
    assert not mixed.faster
    assert not mixed.slower
    assert speedup((2.0, 3.0), (1.0, 2.0)).slower


@contextmanager
def batches(model: models.AttentionModel) -> Iterator[list[tuple[int, ...]]]:
    seen: list[tuple[int, ...]] = []
    hook = model.module.register_forward_pre_hook(
        lambda _, args, given: seen.append(tuple(given["input_ids"].shape)), with_kwargs=True
    )
    try:
        yield seen
    finally:
        hook.remove()


def test_encoders_are_read_in_turn():
    model = engine("bert")
    told: list[str] = []
    three = [Contender("full", model), Contender("gated", model, heads_off=[(0, 1)])]
    with batches(model) as seen:
        found = reading_in_turn(three, 9, 3, 2, progress=lambda message, _: told.append(message))
    assert seen == [(3, 9)] * 6
    assert [len(each) for each in found] == [2, 2]
    assert min(found[0] + found[1]) > 0
    assert told[2:4] == ["full, run 1 of 2: reading", "gated, run 1 of 2: reading"]
    context = model.geometry.context
    assert context is not None
    with pytest.raises(models.BadSelection) as caught:
        reading_in_turn(three, context + 1)
    assert_sentence(str(caught.value))


def test_a_gate_is_on_while_an_encoder_is_timed():
    model = engine("bert")
    outputs: list[torch.Tensor] = []
    hook = model.module.register_forward_hook(lambda *given: outputs.append(given[-1].logits))
    try:
        reading_in_turn([Contender("full", model), Contender("gated", model, heads_off=[(0, 1)])], 9, 1, 1)
    finally:
        hook.remove()
    assert not torch.allclose(outputs[-1], outputs[-2], rtol=0, atol=1e-4 * outputs[-2].abs().max().item())
