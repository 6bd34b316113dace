"""Gradient importance: the measure is transformers' own eager model with factors on what o_proj reads."""

from typing import Any, cast

import pytest
import torch
from torch import Tensor

import models
from models import BadSelection
from tests.models.engine_models import SOURCE, TEXT, assert_near, engine, stock, tokenizer
from tests.sentences import assert_sentence

OTHER = "the dog sat on the mat"
PROJECTIONS = {
    "gpt2": "transformer.h.{}.attn.c_proj",
    "llama gqa": "model.layers.{}.self_attn.o_proj",
    "deepseek_v3": "model.layers.{}.self_attn.o_proj",
}


def by_hand(name: str, text: str) -> Tensor:
    """|dL/dfactor| for each head, [layer, head]."""
    shape = engine(name).geometry
    factors = [torch.ones(shape.heads, requires_grad=True) for _ in range(shape.layers)]
    hooks = []
    for layer, factor in enumerate(factors):

        def scale(_: Any, args: tuple, factor: Tensor = factor) -> tuple:
            return (args[0] * factor.repeat_interleave(shape.v_head_dim), *args[1:])

        part = stock(name).get_submodule(PROJECTIONS[name].format(layer))
        hooks.append(part.register_forward_pre_hook(scale))
    try:
        ids = tokenizer("causal")(text, return_tensors="pt")["input_ids"]
        loss = cast(Any, stock(name))(input_ids=ids, labels=ids).loss
        return torch.stack(torch.autograd.grad(loss, factors)).abs()
    finally:
        for hook in hooks:
            hook.remove()


@pytest.mark.parametrize("name", [*PROJECTIONS])
def test_it_is_the_derivative_by_a_factor_on_each_head(name: str):
    found = models.gradient_importance(engine(name), [TEXT, OTHER])
    wanted = (by_hand(name, TEXT) + by_hand(name, OTHER)) / 2
    assert_near(found.raw, wanted, 1e-3)
    assert_near(found.normalized, wanted / wanted.norm(dim=1, keepdim=True), 1e-3)


def test_each_attention_of_a_pair_foretells_a_small_change():
    model = engine("bart")
    for stack in ("encoder", "decoder", "cross"):
        raw = models.gradient_importance(model, SOURCE, stack=stack).raw
        assert raw.shape == models.sweep(model, SOURCE, stack=stack).mean.shape
        assert (raw > 0).all()


def test_no_weight_keeps_a_gradient_and_the_model_stays_as_it_was():
    model = engine("gpt2")
    before = models.capture(model, TEXT).predictions
    models.gradient_importance(model, TEXT)
    assert all(weight.grad is None for weight in model.module.parameters())
    assert torch.equal(models.capture(model, TEXT).predictions, before)


@pytest.mark.parametrize("name", ["bert", "falcon"])
def test_a_model_without_it_says_so(name: str):
    with pytest.raises(BadSelection) as caught:
        models.gradient_importance(engine(name), "the cat sat")
    assert_sentence(caught.value)
