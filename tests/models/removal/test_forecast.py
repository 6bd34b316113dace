"""What removing would change, against what it did change; and the selections that grouped attention does cheaply."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import DynamicCache

import models
from models.errors import UnsupportedModel
from models.run.head_gates import Head
from tests.models.engine_models import assert_near, assert_same_weights, engine
from tests.models.removal_models import CASES, IDS, LAYER_0, all_logits, step_logits
from tests.sentences import assert_sentence

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("name", "heads"), CASES, ids=IDS)
def test_the_cost_foretold_is_the_cost_measured(name: str, heads: tuple[Head, ...]):
    model = engine(name)
    cost, small = models.removal_cost(model, heads), models.remove_heads(model, heads)
    assert cost.parameters_before == model.module.num_parameters()
    assert cost.parameters_after == small.module.num_parameters() < cost.parameters_before
    left = [6 if "bert" not in name else 4] * len(cost.heads_after)
    for layer, _ in heads:
        left[layer] -= 1
    assert cost.heads_after == tuple(left)
    assert [count for count in cost.heads_after if count] == [site.heads for site in small.plan.sites]
    for sentence in cost.notes:
        assert_sentence(sentence)
    if "bert" in name:
        assert (cost.cache_bytes_before, cost.cache_bytes_after) == (0, 0)
        return
    for told, subject in ((cost.cache_bytes_before, model), (cost.cache_bytes_after, small)):
        assert measured_bytes(subject) == told


def measured_bytes(model: models.AttentionModel) -> float:
    cache: Any = models.new_cache(model) or DynamicCache(config=model.module.config)
    ids = torch.arange(5, 9)[None]
    with torch.no_grad():
        model.module(input_ids=ids, past_key_values=cache, use_cache=True)
    return models.cache_bytes(cache).used / ids.shape[1]


@pytest.mark.parametrize(
    ("name", "heads", "share", "words"),
    [
        ("llama mha", [(0, 0), (0, 1), (1, 0)], 15 / 18, "its share of the cache"),
        ("llama gqa", [(0, 0), (0, 1), (0, 2)], 5 / 6, "Whole groups"),
        ("llama gqa", [(0, 0), (0, 1), (1, 2)], 1, "3 of the 3 heads"),
        ("llama mqa", [(0, 0), (0, 1), (1, 2)], 1, "share one key/value head"),
        ("deepseek_v3", [(0, 0), (0, 1), (1, 2)], 1, "one latent"),
    ],
)
def test_which_removals_free_cache(name: str, heads: list[Head], share: float, words: str):
    cost = models.removal_cost(engine(name), heads)
    assert cost.cache_bytes_after == pytest.approx(share * cost.cache_bytes_before)
    assert any(words in note for note in cost.notes)


def test_what_uneven_groups_cost_is_said():
    uneven = models.removal_cost(engine("llama gqa"), [(0, 0)])
    assert any("6 heads for the 5" in note for note in uneven.notes)
    even = models.removal_cost(engine("llama gqa"), [(0, 0), (0, 3)])
    assert not any("different numbers" in note for note in even.notes)


def test_a_step_in_uneven_groups_copies_no_key_of_the_past(monkeypatch: pytest.MonkeyPatch):
    small = models.remove_heads(engine("llama gqa"), [(0, 0), (1, 4), (2, 2)])
    seen: list[tuple[int, ...]] = []
    own = torch.nn.functional.scaled_dot_product_attention

    def note(query: torch.Tensor, key: torch.Tensor, *rest: Any, **named: Any) -> torch.Tensor:
        seen.append((query.shape[2], key.shape[1]))
        return own(query, key, *rest, **named)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", note)
    assert_near(step_logits(small), all_logits(small))
    assert {heads for _, heads in seen[3:-3]} == {
        2
    }  # steps read the two key/value heads as they lie in the cache


@pytest.mark.parametrize(
    ("chosen", "whole", "equal"),
    [
        ([(0, 0)], [], []),
        ([(0, 0), (0, 1)], [(0, 0), (0, 1), (0, 2)], [(0, 0), (0, 5)]),
        ([(0, 0), (0, 4)], [], [(0, 0), (0, 4)]),
        ([(0, 0), (0, 1), (0, 3)], [(0, 0), (0, 1), (0, 2)], [(0, 0), (0, 3)]),
        ([(0, 0), (0, 3), (0, 4), (0, 5)], [(0, 3), (0, 4), (0, 5)], [(0, 0), (0, 3), (0, 4), (0, 5)]),
        ([(1, 0), (1, 1), (1, 2)], [(1, 0), (1, 1), (1, 2)], [(1, 0), (1, 1), (1, 2)]),
        ([(0, 2), (0, 1), (2, 5), (2, 0)], [(0, 0), (0, 1), (0, 2)], [(0, 1), (0, 5), (2, 0), (2, 5)]),
    ],
)
def test_nearest_selections_where_three_heads_share_a_key_value_head(
    chosen: list[Head], whole: list[Head], equal: list[Head]
):
    assert models.whole_groups(engine("llama gqa"), chosen) == tuple(whole)
    assert models.equal_per_group(engine("llama gqa"), chosen) == tuple(equal)


@pytest.mark.parametrize("name", ["llama mha", "gpt2", "bert", "deepseek_v3"])
def test_where_each_head_is_a_group_a_selection_stays(name: str):
    chosen = ((0, 0), (1, 2), (1, 3))
    assert models.whole_groups(engine(name), chosen) == chosen
    assert models.equal_per_group(engine(name), chosen) == chosen


def test_groups_of_a_smaller_model_are_its_own():
    once = models.remove_heads(engine("llama gqa"), [(0, 0), (0, 1), *((1, head) for head in range(6))])
    assert models.whole_groups(once, [(0, 0)]) == ((0, 0),)  # the one head that its group still has
    assert models.equal_per_group(once, [(0, 1), (0, 2)]) == ((0, 1), (0, 2))  # one is left in each group
    assert models.whole_groups(once, [(1, 3), (1, 4)]) == ((1, 3), (1, 4), (1, 5))


def test_a_model_less_heads_is_not_converted_to_latents():
    small = models.remove_heads(engine("llama gqa"), LAYER_0)
    with pytest.raises(UnsupportedModel, match="removed") as caught:
        models.convert_to_mla(small, 8, "a text")
    assert_sentence(caught.value)


FAMILY = Path("models/weights")


@pytest.mark.skipif(not (FAMILY / "family-mha").exists(), reason="the family is not trained")
@pytest.mark.parametrize("kind", ["mha", "gqa", "mqa", "mla"])
def test_the_family_less_heads_is_the_family_with_heads_off(kind: str, tmp_path: Path):
    model = models.load(f"family-{kind}", device="cpu", dtype="float32")
    text = "Mr. Marlow met Clara Whitfield at the garden gate, and Clara Whitfield gave him a letter."
    heads = [(0, head) for head in range(8)] + [(1, 0), (1, 3), (2, 4), (2, 5), (2, 6), (2, 7), (3, 1)]
    small = models.remove_heads(model, heads)
    gated, off = models.ablate(model, text, heads), models.baseline(small, text)
    assert gated.loss_after == pytest.approx(off.loss[1:].mean().item(), rel=1e-5)
    assert_near(step_logits(small, text=text), all_logits(small, text))
    continued = "".join(models.stream(model, text, 40, heads_off=heads))
    assert "".join(models.stream(small, text, 40)) == continued
    again = models.load(str(models.save(small, tmp_path / "small")), device="cpu", dtype="float32")
    assert_same_weights(again, small)
    assert_near(all_logits(again, text), all_logits(small, text))
