"""A text of one token foretells nothing: it counts for nothing beside others, and is refused alone."""

from typing import Any

import numpy as np
import pytest
import torch

import models
from models import BadSelection, BadText
from models.pruning.ablation import divergence_of
from models.pruning.importance_by_sweep import HeadImportance
from models.pruning.order import ORDERS, Order
from models.training.validation import windows
from models.training.vocabulary import encode
from tests.models.engine_models import SOURCE, TEXT, assert_near, engine, fresh, tokenizer
from tests.sentences import assert_sentence

OTHER, ONE = "the dog sat on the mat", "t"


def test_the_text_has_one_token():
    assert models.count_tokens(engine("gpt2"), ONE) == 1


def test_it_counts_for_nothing_in_the_importance_of_heads():
    model = engine("gpt2")
    found = models.sweep(model, [TEXT, ONE, OTHER])
    assert found.values[1].isnan().all()
    assert_near(found.mean, models.sweep(model, [TEXT, OTHER]).mean, 1e-6)
    gradient = models.gradient_importance(model, [ONE, TEXT, OTHER]).raw
    assert_near(gradient, models.gradient_importance(model, [TEXT, OTHER]).raw, 1e-6)


@pytest.mark.parametrize("order", ORDERS)
def test_it_changes_no_curve(order: Order):
    model = engine("gpt2")
    settings: dict[str, Any] = {"order": order, "points": 4, "step": 6, "draws": 1}
    found = models.prune_curve(model, [TEXT, ONE], **settings)
    wanted = models.prune_curve(model, [TEXT], **settings)
    assert found.heads == wanted.heads
    assert len(set(found.heads)) == found.total == found.removed[-1]
    assert_near(found.loss, wanted.loss, 1e-6)
    assert found.removable() == wanted.removable() < 1
    ranked = models.prune_curve(model, [TEXT], ranked_on=[ONE, OTHER], **settings)
    assert ranked.heads == models.prune_curve(model, [OTHER], **settings).heads


def test_what_needs_no_second_token_is_measured_on_it():
    model = engine("gpt2")
    kl = models.sweep(model, [ONE], metric="kl").mean
    given = models.baseline(model, ONE)
    alone = models.ablate(model, given, [(1, 2)])
    assert kl[1, 2].item() == pytest.approx(alone.kl.mean().item(), rel=1e-3)
    assert np.isnan(alone.loss_before)
    assert np.isnan(alone.loss_after)
    chance = models.chance_ablations(model, given, [(1, 2)], draws=2)
    assert np.isnan(chance.delta_loss).all()
    assert np.isfinite(chance.kl).all()


def test_alone_it_is_refused_in_a_sentence():
    model = engine("gpt2")
    for refused in (
        lambda: models.sweep(model, ONE),
        lambda: models.gradient_importance(model, [ONE]),
        lambda: models.prune_curve(model, [ONE, ONE]),
        lambda: models.prune_curve(model, TEXT, ranked_on=ONE),
        lambda: models.prune_curve(model, TEXT, "gradient", ranked_on=[ONE]),
        lambda: windows(np.ones(511, np.uint16)),
    ):
        with pytest.raises(BadText) as caught:
            refused()
        assert_sentence(caught.value)


def test_heads_without_a_value_are_neither_ranked_nor_left_out():
    model = engine("gpt2")
    found = models.sweep(model, TEXT, heads_off=[(1, 3)])
    with pytest.raises(BadSelection, match="L1 H3") as caught:
        models.prune_curve(model, TEXT, importance=found)
    assert_sentence(caught.value)
    none = HeadImportance(torch.full_like(found.values, torch.nan), "loss", "zero", "decoder")
    with pytest.raises(BadSelection, match="L0 H0"):
        models.prune_curve(model, TEXT, importance=none)


def test_what_is_no_number_is_said_and_not_averaged():
    model = fresh("gpt2")
    with torch.no_grad():
        model.module.get_parameter("transformer.ln_f.weight")[3] = torch.nan
    for refused in (
        lambda: models.sweep(model, TEXT),
        lambda: models.sweep(model, TEXT, metric="kl"),
        lambda: models.gradient_importance(model, TEXT),
        lambda: models.prune_curve(model, TEXT, "random", draws=1, points=2),
    ):
        with pytest.raises(BadSelection, match="NaN") as caught:
            refused()
        assert_sentence(caught.value)
    assert np.isnan(models.ablate(model, TEXT, [(0, 0)]).loss_after)


def test_tokens_that_never_come_are_no_reason_for_a_divergence_that_is_no_number():
    before = torch.tensor([[0.0, 1.0, -torch.inf]])
    after = torch.tensor([[1.0, 0.0, -torch.inf]])
    e = np.e
    by_hand = (1 / (1 + e)) * -1 + (e / (1 + e)) * 1  # the normalisers are the same
    assert divergence_of(before, after).item() == pytest.approx(by_hand, rel=1e-5)


def test_one_text_may_stand_for_a_list_of_one():
    model = engine("gpt2")
    for one, several in (
        (models.mean_outputs(model, TEXT), models.mean_outputs(model, [TEXT])),
        (
            models.ablate(model, OTHER, [(0, 1)], "mean", reference=TEXT).off.instead,
            models.mean_outputs(model, [TEXT]),
        ),
    ):
        assert one is not None
        assert several is not None
        assert one.source == several.source
        for ours, theirs in zip(one.per_call, several.per_call, strict=True):
            assert torch.equal(ours, theirs)
    pair = engine("t5")
    assert torch.equal(
        models.mean_outputs(pair, SOURCE).per_call[0], models.mean_outputs(pair, [SOURCE]).per_call[0]
    )
    with pytest.raises(BadText):
        models.mean_outputs(model, [])
    words = tokenizer("causal")
    assert np.array_equal(encode(words, TEXT), encode(words, [TEXT]))
