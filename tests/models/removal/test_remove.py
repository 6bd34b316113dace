"""Heads removed for good: the measure is transformers' own eager model with the same heads hooked off."""

from typing import Any

import pytest
import torch

import models
from models.errors import BadSelection, UnsupportedModel
from models.look.generation import Manner, token_ids
from models.run.head_gates import Head
from models.run.inputs import encode
from models.run.plan import find_plan
from tests.models.cache_mode_runs import MODES
from tests.models.engine_models import TEXT, assert_near, engine, fresh
from tests.models.removal_models import CASES, IDS, LAYER_0, all_logits, expected, step_logits, text_of
from tests.sentences import assert_sentence

pytestmark = pytest.mark.slow

DECODERS = [case for case in CASES if case[0] not in ("bert", "roberta")]


@pytest.mark.parametrize(("name", "heads"), CASES, ids=IDS)
def test_logits_and_patterns_are_those_of_the_heads_hooked_off(name: str, heads: tuple[Head, ...]):
    small, (wanted, patterns) = models.remove_heads(engine(name), heads), expected(name, heads)
    assert (wanted - all_logits(engine(name), text_of(name))).abs().max() > 0.01 * wanted.abs().max()
    assert_near(all_logits(small, text_of(name)), wanted)
    run = models.capture(small, text_of(name))
    assert run.layers() == len(patterns)
    for layer, pattern in enumerate(patterns.values()):
        assert_near(run.pattern(layer), pattern)
        for head in range(run.heads(layer)):
            assert_near(run.pattern(layer, head), pattern[head])


@pytest.mark.parametrize(
    ("name", "heads"), DECODERS, ids=[f"{name} {len(heads)}" for name, heads in DECODERS]
)
def test_steps_over_a_cache_give_the_same(name: str, heads: tuple[Head, ...]):
    small, wanted = models.remove_heads(engine(name), heads), expected(name, heads)[0]
    assert_near(step_logits(small), wanted)
    gated = list(token_ids(engine(name), encode(engine(name), TEXT), 12, Manner(heads_off=heads)))
    assert list(token_ids(small, encode(small, TEXT), 12)) == gated


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("heads", [((0, 1), (1, 2)), (*LAYER_0, (2, 3))])
def test_latent_attention_in_every_cache_mode(mode: str, heads: tuple[Head, ...]):
    small = models.remove_heads(engine("deepseek_v3"), heads)
    assert_near(step_logits(small, mode), expected("deepseek_v3", heads)[0])


@pytest.mark.parametrize(("name", "heads"), CASES, ids=IDS)
def test_the_given_model_stays_as_it_was(name: str, heads: tuple[Head, ...]):
    model = fresh(name)
    config, weights = model.module.config.to_dict(), dict(model.module.named_parameters())
    numbers = {path: weight.clone() for path, weight in weights.items()}
    small = models.remove_heads(model, heads)
    assert model.module.config.to_dict() == config
    assert all(weights[path] is weight for path, weight in model.module.named_parameters())
    assert all(torch.equal(numbers[path], weight) for path, weight in model.module.named_parameters())
    assert find_plan(model.module, model.module.config) == model.plan
    assert model.removed is None
    shared = {weight.data_ptr() for weight in weights.values()}
    changed = [path for path, weight in small.module.named_parameters() if weight.data_ptr() not in shared]
    assert all("attn" in path or "attention" in path for path in changed)  # the rest is not copied


def test_a_cancelled_removal_leaves_everything_as_it_was():
    model = fresh("llama gqa")
    before = all_logits(model)

    class Cancelled(Exception):
        pass

    def cancel(_: str, share: float) -> None:
        if share > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        models.remove_heads(model, [(0, 1), (2, 2)], progress=cancel)
    assert torch.equal(all_logits(model), before)
    assert model.geometry == models.geometry(model.module.config)


@pytest.mark.parametrize("name", ["llama gqa", "gpt2", "deepseek_v3"])
def test_heads_can_be_removed_again_and_keep_their_first_names(name: str):
    once = models.remove_heads(engine(name), [(0, 0), (1, 3), (1, 4)])
    twice = models.remove_heads(once, [(0, 0), (1, 3), (2, 5)])
    gone = ((0, 0), (0, 1), (1, 3), (1, 4), (1, 5), (2, 5))
    assert twice.removed is not None
    assert twice.removed.gone == gone
    assert twice.removed.origin(1, 2) == (1, 2)
    assert twice.removed.origin(0, 0) == (0, 2)
    wanted, patterns = expected(name, gone)
    assert_near(all_logits(twice), wanted)
    assert_near(models.capture(twice, TEXT).pattern(1), patterns[1])
    assert twice.name == f"{engine(name).name} less 6 heads"


@pytest.mark.parametrize("name", ["llama gqa", "gpt2", "deepseek_v3"])
def test_layers_are_counted_without_those_that_have_no_heads(name: str):
    without = models.remove_heads(engine(name), [(1, head) for head in range(6)])
    assert without.plan.layers("decoder") == 2
    assert without.geometry.heads_per_layer == (6, 0, 6)
    again = models.remove_heads(without, [(1, 2)])  # of what was layer 2
    assert again.removed is not None
    assert again.removed.gone == (*((1, head) for head in range(6)), (2, 2))
    assert again.removed.origin(1, 2) == (2, 3)
    assert_near(step_logits(again), expected(name, again.removed.gone)[0])


@pytest.mark.parametrize(
    ("name", "heads"), DECODERS, ids=[f"{name} {len(heads)}" for name, heads in DECODERS]
)
def test_a_smaller_model_can_be_ablated_like_any(name: str, heads: tuple[Head, ...]):
    small = models.remove_heads(engine(name), heads)
    assert small.removed is not None
    also = (1, 1)
    off = models.ablate(small, TEXT, [also])
    wanted = expected(name, (*heads, small.removed.origin(*also)))[0]
    ids = encode(small, TEXT).inputs["input_ids"][0]
    losses = -wanted.double().log_softmax(-1)[range(len(ids) - 1), ids[1:]]
    assert off.loss_after == pytest.approx(losses.mean().item(), rel=1e-5)


def test_the_smaller_model_is_drawn_swept_and_kept(tmp_path: Any):
    small = models.remove_heads(engine("llama gqa"), [(0, 0), (1, 4), (1, 5), (1, 1)])
    counts = [5, 3, 6]
    run = models.capture(small, TEXT)
    assert [run.heads(layer) for layer in range(3)] == [site.heads for site in small.plan.sites] == counts
    scores = run.scores().values["induction"]
    assert [int(row.isfinite().sum()) for row in scores] == counts
    assert run.tiles(8).shape == (3, 6, 8, 8)
    run.save(tmp_path / "run.npz")
    again = models.Capture.load(tmp_path / "run.npz")
    for layer in range(3):
        assert torch.equal(again.pattern(layer), run.pattern(layer))
        for head in range(counts[layer]):
            assert torch.equal(again.value_weighted(layer, head), run.value_weighted(layer, head))
    importance = models.sweep(small, [TEXT])
    assert [int(row.isfinite().sum()) for row in importance.values[0]] == counts
    one = models.ablate(small, TEXT, [(1, 2)])
    assert importance.values[0, 1, 2] == pytest.approx(one.loss_after - one.loss_before, abs=1e-5)


def test_values_are_weighted_by_what_each_head_reads():
    heads = ((1, 0), (1, 4), (1, 5))
    small = models.remove_heads(engine("llama gqa"), heads)
    run, whole = models.capture(small, TEXT), models.capture(engine("llama gqa"), TEXT)
    for head, original in enumerate((1, 2, 3)):
        assert_near(run.value_weighted(1, head), whole.value_weighted(1, original))
        assert_near(run.value(1, head), whole.value(1, original))
    assert run.cached(1).shape == whole.cached(1).shape  # both key/value heads are there, each once


@pytest.mark.parametrize("name", ["llama gqa", "mistral", "qwen2"])
def test_texts_padded_on_the_left_in_uneven_groups(name: str):
    small = models.remove_heads(engine(name), [(0, 0), (1, 4), (1, 5)])
    ids = torch.randint(5, small.geometry.vocab, (2, 9), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    mask[0, :3] = 0
    places = (mask.cumsum(1) - 1).clamp(min=0)
    with torch.no_grad():
        alone = small.module(input_ids=ids[:1, 3:]).logits
        first = small.module(
            input_ids=ids[:, :8], attention_mask=mask[:, :8], position_ids=places[:, :8], use_cache=True
        )
        last = small.module(
            input_ids=ids[:, 8:],
            attention_mask=mask,
            position_ids=places[:, 8:],
            past_key_values=first.past_key_values,
            use_cache=True,
        )
    assert_near(last.logits[0, -1], alone[0, -1])


@pytest.mark.parametrize(
    ("name", "heads", "error", "message"),
    [
        ("llama gqa", [], BadSelection, "No heads"),
        ("llama gqa", [(3, 0)], BadSelection, "3 layers"),
        ("llama gqa", [(0, 6)], BadSelection, "0 to 5"),
        ("llama gqa", [(0, -1)], BadSelection, "0 to 5"),
        ("llama gqa", [(layer, head) for layer in range(3) for head in range(6)], BadSelection, "All 18"),
        ("gemma2", [(0, 0)], UnsupportedModel, "Llama, Mistral, Qwen2"),
        ("bart", [(0, 0)], UnsupportedModel, "one stack"),
    ],
)
def test_what_cannot_be_removed_is_said_in_a_sentence(name: str, heads: Any, error: Any, message: str):
    for ask in (models.remove_heads, models.removal_cost, models.whole_groups, models.equal_per_group):
        with pytest.raises(error, match=message) as caught:
            ask(engine(name), heads)
        assert_sentence(caught.value)


def test_another_stack_is_refused():
    with pytest.raises(BadSelection, match="decoder"):
        models.remove_heads(engine("gpt2"), [(0, 0)], stack="cross")
