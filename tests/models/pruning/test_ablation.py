"""Heads switched off: the measure is transformers' own eager model with what o_proj reads changed by a hook."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor

import models
from models import BadSelection, BadText
from models.look.generation import Manner, token_ids
from models.run.head_gates import HeadsOff
from models.run.inputs import encode
from tests.models.engine_models import (
    SOURCE,
    TARGET,
    TEXT,
    assert_near,
    engine,
    stock,
    stock_generates,
    stock_output,
    tokenizer,
)
from tests.sentences import assert_sentence

OTHER = "the dog sat on the mat"
MASKED = "the [MASK] sat on the mat"
# Path of the output projection in each layer, and the width of a head's output there.
PROJECTIONS = {
    "gpt2": "transformer.h.{}.attn.c_proj",
    "llama gqa": "model.layers.{}.self_attn.o_proj",
    "deepseek_v3": "model.layers.{}.self_attn.o_proj",
    "bert": "bert.encoder.layer.{}.attention.output.dense",
}


def width(name: str) -> int:
    shape = engine(name).geometry
    return shape.v_head_dim


def read_by_projection(name: str, layer: int, text: str) -> Tensor:
    """What transformers' own eager model gives to a layer's output projection, [pos, head * d_value]."""
    seen: list[Tensor] = []
    part = stock(name).get_submodule(PROJECTIONS[name].format(layer))
    hook = part.register_forward_pre_hook(lambda _, args: seen.append(args[0][0]))
    try:
        stock_output(name, text)
    finally:
        hook.remove()
    return seen[0]


@contextmanager
def replaced(name: str, layer: int, head: int, instead: Tensor | float) -> Iterator[None]:
    """The head's outputs replaced on their way into the output projection."""
    columns = slice(head * width(name), (head + 1) * width(name))

    def change(_: Any, args: tuple) -> tuple:
        given = args[0].clone()
        given[..., columns] = instead
        return (given, *args[1:])

    hook = stock(name).get_submodule(PROJECTIONS[name].format(layer)).register_forward_pre_hook(change)
    try:
        yield
    finally:
        hook.remove()


def expected(name: str, layer: int, head: int, instead: Tensor | float, text: str = TEXT):
    """Losses without and with the head, and the divergence of the predictions, in float64."""
    ids = tokenizer("masked" if name == "bert" else "causal")(text)["input_ids"]
    before = stock_output(name, text)
    with replaced(name, layer, head, instead):
        after = stock_output(name, text)
    log_before, log_after = (out.logits[0].double().log_softmax(-1) for out in (before, after))
    rows = range(len(ids) - 1)
    losses = [-log[rows, ids[1:]].float() for log in (log_before, log_after)]
    kl = (log_before.exp() * (log_before - log_after)).sum(-1).float()
    return *losses, kl, after


@pytest.mark.parametrize("name", ["gpt2", "llama gqa", "deepseek_v3"])
def test_zeroed_heads_change_loss_and_predictions_as_in_transformers(name: str):
    before, after, kl, _ = expected(name, 0, 2, 0.0)
    found = models.ablate(engine(name), TEXT, [(0, 2)])
    assert (after - before).abs().max() > 1e-3
    assert_near(found.delta_loss[1:], after - before, 1e-3)
    assert found.loss_before == pytest.approx(before.mean().item(), rel=1e-5)
    assert found.loss_after == pytest.approx(after.mean().item(), rel=1e-5)
    assert_near(found.kl, kl, 1e-3)


def test_the_mean_of_a_reference_text_stands_in_for_a_head():
    name, layer, head = "llama gqa", 1, 3
    columns = slice(head * width(name), (head + 1) * width(name))
    both = torch.cat([read_by_projection(name, layer, text) for text in (OTHER, TEXT)])
    _, after, kl, _ = expected(name, layer, head, both[:, columns].mean(0))
    found = models.ablate(engine(name), TEXT, [(layer, head)], "mean", reference=[OTHER, TEXT])
    assert_near(found.token_loss_after[1:], after)
    assert_near(found.kl, kl, 1e-3)
    assert abs(found.loss_after - models.ablate(engine(name), TEXT, [(layer, head)]).loss_after) > 1e-5


def test_outputs_on_another_text_stand_in_for_a_head_position_by_position():
    name, layer, head = "gpt2", 1, 4
    columns = slice(head * width(name), (head + 1) * width(name))
    other = read_by_projection(name, layer, OTHER)[:, columns]
    positions = len(tokenizer("causal")(TEXT)["input_ids"])
    again = other[torch.arange(positions) % len(other)]
    assert positions > len(other)  # so that it begins again
    _, after, _, _ = expected(name, layer, head, again)
    found = models.ablate(engine(name), TEXT, [(layer, head)], "resample", reference=OTHER)
    assert_near(found.token_loss_after[1:], after)


def test_an_encoder_is_compared_by_what_it_predicts_at_every_position():
    _, _, kl, _ = expected("bert", 1, 2, 0.0, MASKED)
    found = models.ablate(engine("bert"), MASKED, [(1, 2)])
    assert_near(found.kl, kl, 1e-3)
    assert found.delta_loss.isnan().all()  # it does not predict each token from those before
    assert found.top_next_before
    assert found.top_next_after


def test_patterns_move_above_the_heads_that_are_off_and_nowhere_else():
    found = models.ablate(engine("gpt2"), TEXT, [(1, 0), (1, 3)])
    shift = found.pattern_shift
    *_, after = expected("gpt2", 1, 0, 0.0)
    assert shift.shape == (engine("gpt2").geometry.layers, 6)
    assert not shift[:2].any()
    assert (shift[2] > 0).all()
    only = models.ablate(engine("gpt2"), TEXT, [(1, 0)]).pattern_shift[2]
    stock_before = stock_output("gpt2", TEXT).attentions[2][0]
    moved = (after.attentions[2][0] - stock_before).abs().sum(-1).mean(-1) / 2
    assert_near(only, moved, 1e-3)


@pytest.mark.parametrize("stack", ["encoder", "decoder", "cross"])
def test_a_pairs_three_attentions_can_each_lose_a_head(stack: str):
    model = engine("bart")
    given = models.baseline(model, source=SOURCE, target=TARGET)
    off = models.ablate(model, given, [(0, 1)], stack=stack)
    assert off.delta_loss[1:].abs().max() > 1e-5
    encoder_moved = off.after.pattern(1, stack="encoder") - given.run.pattern(1, stack="encoder")
    assert bool(encoder_moved.any()) == (stack == "encoder")
    assert not torch.equal(off.kl, models.ablate(model, given, [(0, 2)], stack=stack).kl)


def test_a_baseline_serves_many_ablations_and_none_changes_it():
    model = engine("llama gqa")
    given = models.baseline(model, TEXT)
    first = models.ablate(model, given, [(0, 0)])
    models.ablate(model, given, [(2, 1)])
    assert torch.equal(models.ablate(model, TEXT, [(0, 0)]).kl, first.kl)
    assert torch.equal(models.baseline(model, TEXT).loss[1:], given.loss[1:])
    assert torch.equal(first.token_loss_before[1:], models.token_loss(model, TEXT)[1:])


@pytest.mark.parametrize("name", ["gpt2", "llama gqa", "deepseek_v3"])
def test_a_text_is_written_on_without_the_heads(name: str):
    model = engine(name)
    with replaced(name, 1, 2, 0.0):
        wanted = stock_generates(name, TEXT, 8)[len(tokenizer("causal")(TEXT)["input_ids"]) :]
    given = encode(model, TEXT)
    assert list(token_ids(model, given, 8, Manner(heads_off=[(1, 2)]))) == wanted
    assert list(token_ids(model, given, 8)) != wanted


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"heads": [(9, 0)]}, "layers"),
        ({"heads": [(0, 0)], "method": "average"}, "zero, mean, resample"),
        ({"heads": [(0, 0)], "method": "mean"}, "reference"),
        ({"heads": [(0, 0)], "method": "resample", "reference": [TEXT, OTHER]}, "one other text"),
        ({"heads": [(0, 0)], "stack": "cross"}, "decoder"),
    ],
)
def test_what_cannot_be_switched_off_is_said_in_a_sentence(arguments: dict[str, Any], message: str):
    with pytest.raises(BadSelection) as caught:
        models.ablate(engine("gpt2"), TEXT, **arguments)
    assert_sentence(caught.value)
    assert message in str(caught.value)


def test_nothing_is_written_with_another_texts_outputs():
    off = HeadsOff(((0, 0),), None, models.other_outputs(engine("gpt2"), OTHER))
    with pytest.raises(BadSelection, match="zeros or means"):
        next(models.stream(engine("gpt2"), TEXT, 2, heads_off=off))


def test_an_empty_reference_is_refused():
    with pytest.raises(BadText):
        models.mean_outputs(engine("gpt2"), [])
