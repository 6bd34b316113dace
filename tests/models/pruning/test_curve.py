"""Prune curves: the measure of each point is transformers' own eager model with zeros put before its output projection."""

from typing import Any, cast

import pytest
import torch
from transformers import PreTrainedModel

import models
from models import BadSelection, BadText
from models.look.evaluation_texts import cut_in_two
from models.pruning.curve import PruneCurve
from models.pruning.order import ORDERS, Order, default_step
from models.run.head_gates import Head
from tests.models.engine_models import TEXT, assert_near, engine, stock, tokenizer
from tests.sentences import assert_sentence

pytestmark = pytest.mark.slow

OTHER = "the dog sat on the mat"
TEXTS = [TEXT, OTHER]


def loss_without(name: str, heads: tuple[Head, ...], texts: list[str]) -> float:
    """Over all tokens of the texts but each one's first, from transformers alone."""
    model, hooks = stock(name), []
    for layer, head in heads:

        def zero(_: Any, args: tuple, head: int = head) -> tuple:
            joined = args[0].clone()
            width = joined.shape[-1] // model.config.num_attention_heads
            joined[..., head * width : (head + 1) * width] = 0
            return (joined, *args[1:])

        part = model.get_submodule(f"transformer.h.{layer}.attn.c_proj")
        hooks.append(part.register_forward_pre_hook(zero))
    total, count = 0.0, 0
    for text in texts:
        ids = tokenizer("causal")(text, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            total += cast(Any, model)(input_ids=ids, labels=ids).loss.item() * (ids.shape[1] - 1)
        count += ids.shape[1] - 1
    for hook in hooks:
        hook.remove()
    return total / count


@pytest.mark.parametrize("order", ORDERS)
def test_each_point_is_the_loss_without_the_first_heads_of_the_order(order: Order):
    curve = models.prune_curve(engine("gpt2"), TEXTS, order, points=5)
    heads = engine("gpt2").geometry.heads * engine("gpt2").geometry.layers
    assert curve.total == heads == len(set(curve.heads)) == curve.removed[-1]
    assert curve.removed[0] == 0
    assert len(curve.removed) == (heads + 1 if order == "iterative" else 5)
    assert curve.loss.shape == (3 if order == "random" else 1, len(curve.removed))
    wanted = [loss_without("gpt2", curve.heads[:count], TEXTS) for count in curve.removed]
    assert_near(curve.loss[0] - curve.loss[0, 0], torch.tensor(wanted) - wanted[0], 1e-3)
    assert curve.loss[0, 0].item() == pytest.approx(wanted[0], rel=1e-5)


def test_the_orders_are_those_of_the_importances():
    model = engine("gpt2")
    alone = models.sweep(model, TEXTS)
    gradient = models.gradient_importance(model, TEXTS)
    for order, importance, values in [
        ("importance", alone, alone.mean),
        ("gradient", gradient, gradient.normalized),
    ]:
        curve = models.prune_curve(model, TEXTS, order, importance=importance, points=2)
        ranked = [values[head].item() for head in curve.heads]
        assert ranked == sorted(ranked)
        assert models.prune_curve(model, TEXTS, order, points=2).heads == curve.heads


@pytest.mark.parametrize("order", ["importance", "gradient", "iterative"])
def test_heads_ranked_on_one_text_are_measured_on_another(order: Order):
    model = engine("gpt2")
    ranked = models.prune_curve(model, OTHER, order, step=5)
    found = models.prune_curve(model, TEXT, order, step=5, ranked_on=OTHER)
    assert found.heads == ranked.heads != models.prune_curve(model, TEXT, order, step=5).heads
    for count, loss in zip(found.removed, found.loss[0].tolist(), strict=True):
        off = models.token_loss(model, TEXT, heads_off=found.heads[:count])[1:]
        assert loss == pytest.approx(off.mean().item(), rel=1e-5)


def test_random_orders_follow_the_seed():
    model = engine("gpt2")
    first, again, other = (
        models.prune_curve(model, OTHER, "random", seed=seed, points=3, draws=2) for seed in (4, 4, 40)
    )
    assert torch.equal(first.loss, again.loss)
    assert first.heads != other.heads
    assert not torch.equal(first.loss[0, 1], first.loss[1, 1])  # the draws differ


def test_greedily_the_head_that_costs_least_given_those_that_are_off_goes_next():
    curve = models.prune_curve(engine("gpt2"), OTHER, "iterative", keep=0.8)
    every = [(layer, head) for layer in range(3) for head in range(engine("gpt2").geometry.heads)]
    off: tuple[Head, ...] = ()
    for chosen in curve.heads[:3]:
        cost = {head: loss_without("gpt2", (*off, head), [OTHER]) for head in every if head not in off}
        assert cost[chosen] == pytest.approx(min(cost.values()), abs=1e-6)
        off += (chosen,)
    assert len(curve.heads) == round(len(every) * 0.2)


def test_several_heads_a_step_on_large_models():
    assert [default_step(total) for total in (32, 64, 144, 270)] == [1, 1, 6, 18]
    curve = models.prune_curve(engine("gpt2"), OTHER, "iterative", step=7)
    assert curve.removed == (*range(0, curve.total, 7), curve.total)


def by_hand(losses: list[float], metric: Any = "loss") -> PruneCurve:
    points = len(losses)
    return PruneCurve(
        "importance", "decoder", "zero", metric, (), tuple(range(points)), torch.tensor([losses]), points - 1
    )


def test_what_can_be_removed_and_the_knee_of_a_curve_worked_out_by_hand():
    curve = by_hand([2.0, 1.9, 2.05, 2.2, 2.0, 6.0])
    assert curve.removable() == pytest.approx(2 / 5)  # 2.1 is exceeded at 3, whatever comes behind
    assert curve.removable(0.2) == pytest.approx(4 / 5)
    assert curve.removable(9.0) == 1.0
    assert curve.knee == 4  # the line is 2, 2.8, 3.6, 4.4, 5.2, 6
    assert by_hand([0.0, 0.04, 0.06, 1.0], "kl").removable() == pytest.approx(1 / 3)
    for points in range(3, 40):  # nothing lies below a straight line, whichever way its points are rounded
        assert by_hand([5 + 0.1 * place for place in range(points)]).knee == 0


@pytest.mark.parametrize(("name", "metric"), [("bert", "kl"), ("minilm", "distance")])
def test_an_encoder_by_how_far_its_output_moves(name: str, metric: str):
    model = engine("bert") if name == "bert" else without_head("bert")
    curve = models.prune_curve(model, [OTHER], points=4)
    assert curve.metric == metric
    assert curve.mean[0] == pytest.approx(0, abs=1e-6)
    assert (curve.mean[1:] > 1e-4).all()
    with pytest.raises(BadSelection) as caught:
        models.prune_curve(model, [OTHER], "gradient")
    assert_sentence(caught.value)


def without_head(name: str) -> models.AttentionModel:
    whole = engine(name)
    return models.wrap(cast(PreTrainedModel, whole.module.base_model), whole.tokenizer, "Headless")


def test_an_encoder_decoder_by_the_loss_of_what_it_answers():
    curve = models.prune_curve(engine("bart"), OTHER, stack="cross", points=3)
    assert (curve.metric, curve.stack) == ("loss", "cross")
    given = models.baseline(engine("bart"), OTHER)
    after = models.ablate(engine("bart"), given, curve.heads[: curve.removed[1]], stack="cross")
    assert_near(curve.mean[:2], torch.tensor([after.loss_before, after.loss_after]))


def test_progress_is_told_before_every_pass_and_may_end_the_work():
    model = engine("gpt2")
    before = models.capture(model, TEXT).predictions
    for order in ORDERS:
        told: list[float] = []

        def stop(_: str, fraction: float, told: list[float] = told) -> None:
            told.append(fraction)
            if fraction > 0.4:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            models.prune_curve(model, TEXTS, order, points=6, progress=stop)
        assert told == sorted(told)
        assert len(told) > 3
    assert torch.equal(models.capture(model, TEXT).predictions, before)


def test_what_cannot_be_measured_is_said_in_a_sentence():
    model = engine("gpt2")
    for settings in [
        {"order": "alphabet"},
        {"keep": 1.0},
        {"keep": -0.1},
        {"points": 1},
        {"draws": 0},
        {"step": 0},
        {"stack": "encoder"},
        {"order": "gradient", "importance": models.sweep(model, OTHER)},
        {"importance": models.sweep(engine("bart"), OTHER, stack="cross")},
    ]:
        with pytest.raises(BadSelection) as caught:
            models.prune_curve(model, OTHER, **settings)
        assert_sentence(caught.value)
    for texts in ([], [""], "a"):
        with pytest.raises(BadText) as told:
            models.prune_curve(model, texts)
        assert_sentence(told.value)


def test_the_text_that_comes_along_is_cut_into_whole_sentences():
    model = engine("gpt2")
    text = models.evaluation_text()
    texts = models.cut_into_texts(model, tokens=40)
    assert " ".join(texts).split() == text.split()
    assert all(part[-1] in '.!?"”’:;' for part in texts)
    sentences = ["The cat sat.", "The dog sat!", "On the mat?"]
    counts = [models.count_tokens(model, sentence + " ") for sentence in sentences]
    assert models.cut_into_texts(model, " ".join(sentences), tokens=sum(counts[:2])) == (
        "The cat sat. The dog sat!",
        "On the mat?",
    )
    assert models.cut_into_texts(model, " ".join(sentences), max_tokens=counts[0]) == ("The cat sat.",)
    with pytest.raises(BadText):
        models.cut_into_texts(model, "\x00\x01 text")
    with pytest.raises(BadText):
        models.cut_into_texts(model, "  \n")


def test_a_text_is_cut_in_two_so_that_heads_are_chosen_on_one_and_measured_on_the_other():
    model = engine("gpt2")

    def read(text: str) -> int:
        return models.count_tokens(model, text, max_tokens=40)

    before, after = cut_in_two(model, tokens=40, max_tokens=400)
    assert " ".join(before + after).split() == " ".join(models.cut_into_texts(model, max_tokens=400)).split()
    assert abs(sum(map(read, before)) - sum(map(read, after))) <= 40
    assert cut_in_two(model, "The cat sat on the mat. The dog ran to the mat.") == (
        ("The cat sat on the mat.",),
        ("The dog ran to the mat.",),
    )
    assert cut_in_two(model, "the cat sat on the mat") == (("the cat sat",), ("on the mat",))
    long_and_short = "the cat sat on the mat, " * 20 + "and went.\nT"
    before, after = cut_in_two(model, long_and_short, tokens=40)
    assert min(max(map(read, part)) for part in (before, after)) > 1
    assert cut_in_two(model, "T") == (("T",), ())
