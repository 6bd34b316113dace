"""Random heads of the same layers, which a choice of heads is compared with."""

import math

import pytest
import torch

import models
from models import BadSelection
from tests.models.engine_models import SOURCE, TEXT, engine
from tests.sentences import assert_sentence

MASKED = "the [MASK] sat on the mat"


def layers(heads: tuple[tuple[int, int], ...]) -> list[int]:
    return sorted(layer for layer, _ in heads)


def test_a_draw_is_as_many_other_heads_of_the_same_layers():
    model = engine("gpt2")
    given, chosen = models.baseline(model, TEXT), ((0, 1), (2, 0), (2, 5))
    found = models.chance_ablations(model, given, chosen, draws=4)
    assert len(found.draws) == len(found.delta_loss) == len(found.kl) == 4
    for draw in found.draws:
        assert layers(draw) == [0, 2, 2]
        assert len(set(draw) - set(chosen)) == 3
    assert len(set(found.draws)) > 1


def test_each_costs_what_switching_it_off_costs():
    model = engine("llama gqa")
    given = models.baseline(model, TEXT)
    for method in ("zero", "mean"):
        settings = {"method": method, "reference": None if method == "zero" else "the dog sat"}
        found = models.chance_ablations(model, given, [(0, 0), (1, 2)], draws=2, **settings)
        for draw, delta, kl in zip(found.draws, found.delta_loss, found.kl, strict=True):
            alone = models.ablate(model, TEXT, draw, **settings)
            assert delta == pytest.approx(alone.loss_after - alone.loss_before, abs=1e-5)
            assert kl == pytest.approx(alone.kl.mean().item(), rel=1e-3)


def test_the_seed_decides_and_where_others_are_too_few_any_head_is_drawn():
    model = engine("gpt2")
    given, heads = models.baseline(model, TEXT), model.geometry.heads
    whole = [(1, head) for head in range(heads)]
    first, again, other = (
        models.chance_ablations(model, given, whole[:-1], draws=3, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first.draws != other.draws
    assert all(layers(draw) == [1] * (heads - 1) and len(set(draw)) == heads - 1 for draw in first.draws)
    assert models.chance_ablations(model, given, whole, draws=1).draws[0] == tuple(whole)


def test_of_a_layer_that_is_half_off_draws_differ():
    model = engine("gpt2")
    half = [(1, head) for head in range(model.geometry.heads // 2)]
    found = models.chance_ablations(model, models.baseline(model, TEXT), half, draws=4)
    assert len(set(found.draws)) > 1


def test_an_encoder_has_no_loss_but_a_kl_and_a_pair_has_stacks():
    found = models.chance_ablations(
        engine("bert"), models.baseline(engine("bert"), MASKED), [(0, 0)], draws=2
    )
    assert all(map(math.isnan, found.delta_loss))
    assert all(kl > 0 for kl in found.kl)
    model = engine("bart")
    pair = models.chance_ablations(model, models.baseline(model, SOURCE), [(0, 0)], draws=2, stack="cross")
    assert all(torch.tensor(pair.delta_loss).isfinite())


def test_what_cannot_be_drawn_is_said_in_a_sentence():
    model = engine("gpt2")
    given = models.baseline(model, TEXT)
    for heads, draws in [([], 3), ([(9, 0)], 3), ([(0, 0)], 0)]:
        with pytest.raises(BadSelection) as caught:
            models.chance_ablations(model, given, heads, draws)
        assert_sentence(caught.value)
