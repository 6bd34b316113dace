"""Three ways to keep the past of latent attention: each gives what transformers computes without any cache."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import models
from models.errors import BadSelection
from models.loading.loader import wrap
from models.look import generation, generation_settings
from models.run.absorbed_cache import can_absorb
from models.run.cache_modes import cache_mode, new_cache
from models.run.head_gates import gates
from models.run.latent_cut import LatentCut, cuts
from models.run.model import demand_tokenizer
from models.run.tap import Tap, tapped
from tests.models.cache_mode_runs import (
    MODES,
    PROMPT,
    SPARSE,
    STEPS,
    feed,
    greedy,
    ids_of,
    pair,
    stock_logits,
)
from tests.models.engine_models import assert_near, engine
from tests.models.latent_models import NAMES, attention
from tests.models.zoo import build
from tests.models.zoo_latent import LATENT
from tests.sentences import assert_sentence

pytestmark = pytest.mark.slow

FAMILY = Path("models/weights/family-mla")
TOLERANCE = 1e-4  # of the logits' scale


def modes_of(name: str) -> tuple[str, ...]:
    return MODES[1:] if name == "mistral_large4" else MODES  # its layers share latents


@pytest.mark.parametrize("name", NAMES)
def test_every_mode_writes_what_transformers_computes_without_a_cache(name: str):
    model, stock = pair(name)
    for mode in modes_of(name):
        ids, found, _ = greedy(model, mode)
        expected = stock_logits(stock, ids)[0, PROMPT - 1 :]
        assert found.shape[0] == STEPS + 1
        assert_near(found, expected, TOLERANCE)
        assert torch.equal(ids[0, PROMPT:], expected[:-1].argmax(-1)), mode


@pytest.mark.parametrize("name", SPARSE)
def test_a_sparse_index_chooses_the_same_keys_in_every_mode(name: str):
    model, _ = pair(name, sparse=True)
    dense, _ = pair(name)
    expected = greedy(model, "latent", 24)
    assert (greedy(dense, "latent", 24)[1] - expected[1]).abs().max() > 0.1 * expected[1].abs().max()
    for mode in modes_of(name):
        ids, found, _ = greedy(model, mode, 24)
        assert torch.equal(ids, expected[0])
        assert_near(found, expected[1], TOLERANCE)


@pytest.mark.parametrize("mode", MODES)
def test_layers_with_a_window_and_sizes_of_their_own(mode: str):
    window = {
        "sliding_window": 5,
        "layer_types": ["full_attention", "sliding_attention", "sliding_attention"],
    }
    sizes = {"num_attention_heads": 4, "num_key_value_heads": 4, "q_lora_rank": 22, "kv_lora_rank": 12}
    parts = {"head_dim": 14, "qk_nope_head_dim": 6, "qk_rope_head_dim": 8, "v_head_dim": 10}
    own = window | {f"swa_{key}": value for key, value in (sizes | parts).items()}
    dots = next(row for row in LATENT if row.name == "dots3_note_text")
    row = replace(dots, config=dots.config | own)
    model, ids = wrap(build(row)), torch.randint(5, 131, (1, 40), generator=torch.Generator().manual_seed(0))
    cache, found = new_cache(model, mode), []
    for start, end in ((0, PROMPT), *((place, place + 1) for place in range(PROMPT, 40))):
        found.append(feed(model, cache, ids[:, start:end], start))
    assert_near(torch.cat(found, dim=1), stock_logits(build(row), ids), TOLERANCE)


@pytest.mark.parametrize("mode", MODES)
def test_texts_padded_on_the_left_and_read_in_chunks(mode: str):
    model, stock = pair("deepseek_v3 whole queries")
    ids, padding = ids_of(model, batch=3, tokens=19), torch.tensor([0, 5, 2])
    mask = (torch.arange(19) >= padding[:, None]).long()
    places = (mask.cumsum(1) - 1).clamp(min=0)
    expected = stock_logits(stock, ids, attention_mask=mask, position_ids=places)
    cache = new_cache(model, mode)
    for start, end in ((0, 7), (7, 11), (11, 12), (12, 17), (17, 18), (18, 19)):
        chunk = slice(start, end)
        told = {"attention_mask": mask[:, :end], "position_ids": places[:, chunk]}
        found = feed(model, cache, ids[:, chunk], start, **told)
        seen = mask[:, chunk].bool()
        assert_near(found[seen], expected[:, chunk][seen], TOLERANCE)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["deepseek_v3", "mistral4", "longcat_flash"])
def test_a_tap_sees_exact_patterns_while_the_model_writes(name: str, mode: str):
    model, stock = pair(name)
    ids, cache = ids_of(model, tokens=17), new_cache(model, mode)
    with torch.no_grad():
        eager = stock(input_ids=ids, output_attentions=True, use_cache=False).attentions
    feed(model, cache, ids[:, :PROMPT], 0)
    for place in range(PROMPT, 17):
        seen: list[Any] = []
        with tapped(Tap(observer=lambda _, call, output, seen=seen: seen.append(call))):
            feed(model, cache, ids[:, place : place + 1], place)
        for call, pattern in zip(seen, eager, strict=True):
            assert_near(call.weights(), pattern[0, :, place : place + 1, : place + 1])
            assert call.heads == 6
            assert call.key.shape[0] == (1 if mode == "absorbed" else 6)


@pytest.mark.parametrize("mode", MODES)
def test_gates_and_cuts_hold_while_the_model_writes(mode: str):
    model, _ = pair("deepseek_v2")
    ids = ids_of(model, tokens=17)
    tap = {
        "gates": gates(model, [(1, 4), (2, 0)]),
        "cuts": cuts(model, [LatentCut(layer=0, dimensions=(3, 7), rotary=True)]),
    }
    for change in ({"gates": tap["gates"]}, {"cuts": tap["cuts"]}, tap):
        with tapped(Tap(**change)):
            expected = feed(model, None, ids, 0)
        plain = feed(model, None, ids, 0)
        assert (plain - expected).abs().max() > 0.01 * expected.abs().max()
        cache = new_cache(model, mode)
        for start, end in ((0, 13), *((place, place + 1) for place in range(13, 17))):
            with tapped(Tap(**change)):
                found = feed(model, cache, ids[:, start:end], start)
            assert_near(found, expected[:, start:end], TOLERANCE)


def test_what_a_step_expands():
    model, _ = pair("youtu")
    ids = ids_of(model, tokens=14)
    expanded: dict[str, list[int]] = {}
    for mode in MODES:
        cache = new_cache(model, mode)
        feed(model, cache, ids[:, :13], 0)
        lengths = expanded[mode] = []

        def note(_: nn.Module, args: tuple, lengths: list[int] = lengths) -> None:
            lengths.append(args[0].shape[-2])

        with ExitStack() as hooks:
            for layer in range(3):
                projection: nn.Module = attention(model.module, model, layer).kv_b_proj
                hooks.callback(projection.register_forward_pre_hook(note).remove)
            feed(model, cache, ids[:, 13:], 13)
    assert expanded == {"expanded": [1, 1, 1], "latent": [14, 14, 14], "absorbed": []}


def test_threads_with_different_modes_share_one_model():
    model, _ = pair("minicpm3")
    expected = greedy(model, "latent", 16)[1]
    before = {name: value.clone() for name, value in model.module.state_dict().items()}
    with ThreadPoolExecutor(6) as pool:
        for _, found, _ in pool.map(lambda mode: greedy(model, mode, 16), MODES * 4):
            assert_near(found, expected, TOLERANCE)
    assert all(torch.equal(before[name], value) for name, value in model.module.state_dict().items())


def test_captures_are_the_same_whatever_the_mode():
    model = engine("deepseek_v3")
    plain = models.capture(model, "the cat sat on the mat")
    for mode in MODES:
        run = models.capture(replace(model, cache=mode), "the cat sat on the mat")
        assert all(torch.equal(run.pattern(layer), plain.pattern(layer)) for layer in range(3))


@pytest.mark.skipif(not FAMILY.exists(), reason="the family is not trained")
def test_the_family_writes_the_same_text_in_every_mode(monkeypatch: pytest.MonkeyPatch):
    model = models.load("family-mla", device="cpu", dtype="float32", cache="expanded")
    assert (model.cache, cache_mode(model), cache_mode(model, "auto")) == ("expanded", "expanded", "absorbed")
    chosen = generation_settings.next_token  # 96 tokens, whatever comes
    monkeypatch.setattr(generation, "next_token", lambda *given: replace(chosen(*given), ends=frozenset()))
    start = "The module defines the following functions and"
    given = demand_tokenizer(model)(start, return_tensors="pt")["input_ids"]
    texts = {mode: "".join(models.stream(model, start, 96, cache=mode)) for mode in MODES}
    assert len(set(texts.values())) == 1
    assert "".join(models.stream(model, start, 96)) == texts["expanded"]
    whole = torch.cat([given, ids_of(model, tokens=500 - given.shape[1])], dim=1)
    with torch.inference_mode():
        expected = model.module(input_ids=whole, use_cache=False).logits
    for mode in MODES:
        cache = new_cache(model, mode)
        feed(model, cache, whole[:, :430], 0)
        steps = [feed(model, cache, whole[:, place : place + 1], place) for place in range(430, 500)]
        assert_near(torch.cat(steps, dim=1), expected[:, 430:], TOLERANCE)


def test_modes_that_do_not_apply_are_refused():
    latent, plain = engine("deepseek_v3"), engine("llama gqa")
    assert cache_mode(plain) == "auto"
    assert new_cache(plain) is None
    assert cache_mode(pair("mistral_large4")[0]) == "absorbed"
    for model, mode in ((latent, "folded"), (plain, "absorbed"), (pair("mistral_large4")[0], "expanded")):
        with pytest.raises(BadSelection) as refused:
            new_cache(model, mode)
        assert_sentence(refused.value)
    with pytest.raises(BadSelection, match="folded"):
        list(models.stream(latent, "the cat", 3, cache="folded"))
    with pytest.raises(BadSelection, match="folded"):
        models.load("looked for by nobody", cache="folded")


def test_another_order_of_the_matrix_is_not_absorbed():
    part = attention(pair("deepseek_v3")[0].module, pair("deepseek_v3")[0], 0)
    assert can_absorb(part)

    class Swapped(type(part)):
        def expand_kv(self, kv_nope, k_rot):
            keys, values = super().expand_kv(kv_nope, k_rot)
            return keys.flip(1), values.flip(1)

    own = type(part)
    try:
        part.__class__ = Swapped
        assert not can_absorb(part)
    finally:
        part.__class__ = own
