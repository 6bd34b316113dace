"""A decoupled rotary key: the original where nothing is dropped, transformers' own DeepSeek-V3, and every cache mode alike."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, DeepseekV3ForCausalLM
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

import models
from models.conversion.convert import convert_to_mla
from models.conversion.decoupled import (
    content,
    kept_directions,
    rotary_basis,
    rotary_key,
    rotary_queries,
    without_rotation,
)
from models.conversion.decoupled_model import rope_width
from models.conversion.healing.heal import Healing, heal
from models.conversion.ranks import full_rank
from models.conversion.source_model import attention_layers, projections
from models.errors import BadSelection, UnsupportedModel
from models.loading.loader import wrap
from models.loading.saved_folder import save
from models.run.cache_modes import cache_bytes, new_cache
from models.run.model import AttentionModel
from tests import tiny_models
from tests.models.conversion.test_convert import (
    D_HEAD,
    D_MODEL,
    HEADS,
    KV_HEADS,
    LAYERS,
    TEXT,
    ids,
    logits,
    module,
    source,
    spectra,
)
from tests.models.conversion.test_heal import place, tokens
from tests.models.engine_models import assert_near
from tests.sentences import assert_sentence

HALF = D_HEAD // 2


@cache
def decoupled(name: str = "llama", kind: str = "gqa", numbers: int = 27) -> AttentionModel:
    return convert_to_mla(source(name, kind), numbers, spectra(name, kind), rope="decoupled")


@pytest.mark.parametrize("kind", KV_HEADS)
@pytest.mark.parametrize("name", ["llama", "mistral"])
def test_with_all_of_it_kept_it_is_the_original(name: str, kind: str):
    full = full_rank(source(name, kind), "decoupled")
    keys = KV_HEADS[kind] * D_HEAD
    assert full == keys + min(keys, D_MODEL) + 1
    made = decoupled(name, kind, full)
    assert made.geometry.qk_rope_head_dim == keys
    assert_near(logits(made, ids()), logits(module(name, KV_HEADS[kind]), ids()))
    lower = decoupled(name, kind, full // 2)
    distance = (logits(lower, ids()) - logits(module(name, KV_HEADS[kind]), ids())).abs().max()
    assert distance > 1e-3, "less of it changes something, so that equality above says something"


def test_frequencies_of_llama_3():
    rope = {
        "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32,
    }  # fmt: skip
    stock = module("llama", rope_parameters=rope)
    model = wrap(module("llama", rope_parameters=rope), tiny_models.byte_level_tokenizer(), "tiny")
    made = convert_to_mla(model, 41, TEXT, rope="decoupled")
    assert_near(logits(made, ids()), logits(stock, ids()))


def test_the_more_is_kept_the_nearer_it_is():
    truth = logits(source(), ids())
    far = [(logits(decoupled(numbers=count), ids()) - truth).square().mean().item() for count in (8, 20, 35)]
    assert far == sorted(far, reverse=True)


def layer_parts(kept_count: int) -> tuple[Any, ...]:
    weights = projections(source(), attention_layers(source())[1])
    basis = rotary_basis(weights, spectra().calibration.layers[1])
    body: Any = source().module.base_model
    still = without_rotation(body.rotary_emb.inv_freq)
    return weights, basis, still, kept_directions([basis], still, kept_count)


def queries() -> Tensor:
    return attention_layers(source())[1].q_proj.weight.double().unflatten(0, (HEADS, D_HEAD))


def test_a_direction_turns_as_transformers_turns_the_heads():
    """All directions kept: the shared key's scores at every distance are those of Llama's own rotary embedding."""
    weights, basis, _, kept = layer_parts(2 * HALF)
    assert bool(kept.all())
    x, y = torch.randn(2, D_MODEL, generator=torch.Generator().manual_seed(5)).double()
    shared = rotary_key(basis, kept)[0] @ y
    asked = rotary_queries(queries(), basis, kept) @ x
    body: Any = source().module.base_model
    positions = torch.tensor([[3, 19]])
    cos, sin = (part.double() for part in body.rotary_emb(x, positions))
    query, key = queries() @ x, (weights.key @ y).view(2, D_HEAD).repeat_interleave(3, 0)
    states = torch.stack([query, key], 1)[None]  # the key at position 19 would be the second
    turned, turned_keys = apply_rotary_pos_emb(states, states, cos, sin)
    expected = (turned[0, :, 0] * turned_keys[0, :, 1]).sum(-1)
    frequency = body.rotary_emb.inv_freq.double()[kept.nonzero()[:, 0]]
    angle = torch.cat([frequency, frequency])
    rotated = [
        part * (angle * at).cos()
        + torch.cat([-part[..., 2 * HALF :], part[..., : 2 * HALF]], -1) * (angle * at).sin()
        for part, at in ((asked, 3), (shared, 19))
    ]
    assert_near(rotated[0] @ rotated[1], expected)


@pytest.mark.parametrize("count", [0, 3, 7])
def test_what_is_kept_and_what_is_not_make_the_whole_key(count: int):
    """Where dropping the rotation changes nothing, at distance 0, both parts add up to the score."""
    weights, basis, still, kept = layer_parts(count)
    x, y = torch.randn(2, D_MODEL, generator=torch.Generator().manual_seed(6)).double()
    rest = content(weights, basis, kept, torch.ones_like(still))
    asked, shared = rotary_queries(queries(), basis, kept) @ x, rotary_key(basis, kept)[0] @ y
    per_head = (rest.key @ y).view(2, D_HEAD).repeat_interleave(3, 0)
    score = asked @ shared + ((queries() @ x) * per_head).sum(-1)
    assert_near(score, ((queries() @ x) * (weights.key @ y).view(2, D_HEAD).repeat_interleave(3, 0)).sum(-1))


def test_the_mean_rotation_worked_out_by_hand():
    still = without_rotation(torch.tensor([0.0, 1e-6, torch.pi]))
    assert_near(still[0].real, torch.tensor(1.0, dtype=torch.float64))
    assert still[1].real.item() == pytest.approx(1, abs=1e-6)
    weights = [(1 + distance) ** -1.5 for distance in range(512)]
    alternating = sum(weight * (-1) ** distance for distance, weight in enumerate(weights)) / sum(weights)
    assert still[2].real.item() == pytest.approx(alternating, abs=1e-6)


@pytest.mark.parametrize("mode", ["latent", "absorbed"])
def test_bytes_of_the_cache(mode: str):
    made, run = decoupled(), decoupled().module
    kept = new_cache(made, mode)
    with torch.no_grad():
        run(ids(batch=2), past_key_values=kept, use_cache=True)
    assert kept is not None
    assert cache_bytes(kept).used == LAYERS * 27 * 4 * 2 * 23


def test_all_cache_modes_write_the_same():
    texts = {
        mode: "".join(models.stream(decoupled(), "the cat sat on", 24, cache=mode))
        for mode in ("expanded", "latent", "absorbed")
    }
    assert len(set(texts.values())) == 1
    given = ids()
    whole = logits(decoupled(), given, use_cache=False)
    kept = new_cache(decoupled(), "absorbed")
    run: Any = decoupled().module
    with torch.no_grad():
        steps = [run(given[:, :11], past_key_values=kept, use_cache=True).logits]
        steps += [
            run(given[:, i : i + 1], past_key_values=kept, use_cache=True).logits for i in range(11, 23)
        ]
    assert_near(torch.cat(steps, 1), whole)


def test_transformers_alone_opens_what_was_saved(tmp_path: Path):
    made = decoupled()
    folder = save(made, tmp_path / "made")
    stock: Any = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")
    assert type(stock) is DeepseekV3ForCausalLM
    assert_near(logits(stock, ids()), logits(made, ids()))
    again = models.load(str(folder), device="cpu", dtype="float32")
    assert again.geometry == made.geometry
    assert again.note == made.note
    assert_sentence(again.note)
    rotary = rope_width(source(), 27)
    assert f"a latent of {27 - rotary} and a rotary key of {rotary} numbers" in again.note
    assert again.module.config.provenance["rope"] == "decoupled"
    run = models.capture(again, "the cat sat on the mat")
    parts = run.score_parts(1, 2)
    assert_near(parts[0] + parts[1], run.attention_scores(1, 2))


def test_the_original_stays_and_healing_learns(tmp_path: Path):
    before = {name: tensor.clone() for name, tensor in source().module.state_dict().items()}
    student = copy.deepcopy(decoupled().module)
    start = copy.deepcopy(student.state_dict())
    plan = Healing(tokens=4 * 1024, tokens_per_step=1024, rate=2e-3, warmup_steps=2)
    heal(student, module("llama"), tokens(), plan, place(tmp_path))
    changed = {name for name, tensor in student.state_dict().items() if not torch.equal(tensor, start[name])}
    assert changed
    assert all(".kv_a_proj_with_mqa." in name or ".kv_b_proj." in name for name in changed)
    after = source().module.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


@pytest.mark.parametrize("numbers", [0, 3, 42, 2.5, (20, 21, 22)])
def test_sizes_that_there_are_not(numbers: Any):
    assert full_rank(source(), "decoupled") == 41
    with pytest.raises(BadSelection) as refused:
        convert_to_mla(source(), numbers, spectra(), rope="decoupled")
    assert_sentence(refused.value)


@pytest.mark.parametrize("numbers", range(4, 42))
def test_every_size_has_a_rotary_key_and_a_latent(numbers: int):
    width = rope_width(source(), numbers)
    assert width % 2 == 0
    assert 2 <= width <= 20
    assert numbers - width >= 2


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("llama with biases", "biases of queries"),
        ("qwen2", "biases of queries"),
        ("mistral with a window", "a sliding window"),
    ],
)
def test_models_that_the_class_cannot_express(name: str, says: str):
    with pytest.raises(UnsupportedModel, match=says) as refused:
        convert_to_mla(source(name), 20, spectra(name), rope="decoupled")
    assert_sentence(refused.value)


def test_a_way_that_there_is_not():
    with pytest.raises(BadSelection, match="'both'") as refused:
        convert_to_mla(source(), 20, spectra(), rope="both")  # pyright: ignore[reportArgumentType]
    assert_sentence(refused.value)
