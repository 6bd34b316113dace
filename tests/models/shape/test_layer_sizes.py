"""Layers that differ: what the formulas say of them, beside what transformers' own caches hold."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedConfig,
    T5GemmaConfig,
    T5GemmaForConditionalGeneration,
)

import models
from models.costs.kinds import as_kind
from models.errors import UnsupportedModel
from models.removal.remove import remove_heads
from models.run.model import AttentionModel
from models.shape.attention_geometry import geometry
from models.shape.cache_size import cache_bytes_by_formula, cache_bytes_per_token
from tests import tiny_models

TOKENS = 20
SIZES: dict[str, Any] = {
    "vocab_size": 131,
    "hidden_size": 48,
    "intermediate_size": 56,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 10,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "sliding_window": 7,
}
ONE_IN_TWO = {"num_hidden_layers": 4, "layer_types": ["sliding_attention", "full_attention"] * 2}
PER_LAYER = {"vocab_size_per_layer_input": 131, "hidden_size_per_layer_input": 4, "laurel_rank": 4}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24}
DIFFERING: dict[str, dict[str, Any]] = {
    "gemma3_text": ONE_IN_TWO,
    "gemma4_text": ONE_IN_TWO
    | PER_LAYER
    | {"global_head_dim": 14, "num_global_key_value_heads": 1, "attention_k_eq_v": True},
    "gemma3n_text": ONE_IN_TWO
    | PER_LAYER
    | {"num_kv_shared_layers": 2, "activation_sparsity_pattern": [0.0] * 4, "intermediate_size": [56] * 4},
    "laguna": ONE_IN_TWO | EXPERTS | {"num_attention_heads_per_layer": [6, 2, 4, 2]},
    "qwen2": {"num_hidden_layers": 3, "use_sliding_window": True, "max_window_layers": 1},
    "qwen3_next": EXPERTS | {"num_hidden_layers": 4, "shared_expert_intermediate_size": 24},
}


def config_of(name: str) -> PreTrainedConfig:
    return AutoConfig.for_model(name, **(SIZES | DIFFERING[name]))


def held(layers: Iterable[Any]) -> int:
    """Bytes of keys and values."""
    tensors = [
        part for layer in layers for part in (getattr(layer, "keys", None), getattr(layer, "values", None))
    ]
    return sum(part.nbytes for part in tensors if isinstance(part, torch.Tensor))


@pytest.mark.parametrize("name", DIFFERING)
def test_a_geometry_costs_what_transformers_own_cache_holds(name: str):
    config = config_of(name)
    module = AutoModelForCausalLM.from_config(config).float().eval()
    with torch.no_grad():
        cache = module(torch.arange(3, 3 + TOKENS)[None], use_cache=True).past_key_values
    shape = geometry(config)
    asked: dict[str, Any] = {"tokens": TOKENS, "dtype": torch.float32}
    assert models.cost(shape, **asked).cache_bytes == held(cache.layers)
    assert models.cost(config, **asked).cache_bytes == held(cache.layers)
    assert cache_bytes_by_formula(shape, "auto", TOKENS) == held(cache.layers)
    assert models.cost(shape, **asked).bytes_per_token == cache_bytes_per_token(shape, torch.float32)
    assert shape.with_layers(shape.each_layer) == shape


def test_heads_of_a_layer_by_its_own_number():
    shape = geometry(config_of("laguna"))
    assert (shape.heads, shape.kind, shape.heads_per_layer) == (6, "gqa", (6, 2, 4, 2))
    shape = geometry(config_of("gemma4_text"))
    assert shape.d_head_per_layer == shape.v_head_dim_per_layer == (10, 14, 10, 14)
    assert shape.kv_heads_per_layer == (2, 1, 2, 1)
    assert shape.sliding_window_per_layer == (7, None, 7, None)


def llama() -> AttentionModel:
    torch.manual_seed(0)
    tokenizer = tiny_models.byte_level_tokenizer()
    given = SIZES | {"vocab_size": len(tokenizer), "num_hidden_layers": 3, "sliding_window": None}
    return models.wrap(LlamaForCausalLM(LlamaConfig(**given)), tokenizer, "llama")


@pytest.mark.parametrize("ranks", [None, (4, 20, 40)], ids=["heads removed", "ranks that differ"])
def test_costs_and_plans_of_layers_that_were_made_different(ranks: tuple[int, ...] | None):
    model = llama()
    made = (
        remove_heads(model, [(0, head) for head in range(5)])
        if ranks is None
        else models.convert_to_mla(model, ranks)
    )
    ids = torch.arange(3, 3 + TOKENS)[None]
    with torch.no_grad():
        cache = made.module(ids, past_key_values=models.new_cache(made), use_cache=True).past_key_values
    live = held(cache.layers)
    for source in (made, made.geometry, made.module.config):
        assert models.cost(source, TOKENS, dtype=torch.float32).cache_bytes == live
    plan = models.plan_serving(made, TOKENS, users=3, device_bytes=10**9, dtype=torch.float32)
    assert plan.own.cache_per_user == live
    assert [row.cache_per_user for row in plan.kinds if row.own] == [live]


def test_other_kinds_of_layers_that_differ():
    """By hand: 1, 6 and 6 heads of 10."""
    shape = remove_heads(llama(), [(0, head) for head in range(5)]).geometry
    kept = {
        kind: cache_bytes_per_token(as_kind(shape, kind), torch.float32) for kind in ("mha", "gqa", "mqa")
    }
    assert kept == {"mha": 4 * 2 * 13 * 10, "gqa": 4 * 2 * (1 + 2 + 2) * 10, "mqa": 4 * 2 * 3 * 10}


def test_an_export_with_uneven_groups_is_costed_from_its_folder(tmp_path: Path):
    small = remove_heads(llama(), [(layer, 0) for layer in range(3)])
    models.save(small, tmp_path / "made")
    expected = models.cost(small, TOKENS)
    for source in (str(tmp_path / "made"), models.load(str(tmp_path / "made")).module.config):
        found = models.cost(source, TOKENS)
        assert (found.cache_bytes, found.weight_bytes) == (expected.cache_bytes, expected.weight_bytes)
    assert models.cost(small.geometry, TOKENS).cache_bytes == expected.cache_bytes


def test_a_decoder_with_windows_that_answers_to_a_source():
    side = SIZES | ONE_IN_TWO | {"query_pre_attn_scalar": 10}
    config = T5GemmaConfig(encoder=dict(side), decoder=dict(side), is_encoder_decoder=True, vocab_size=131)
    module = T5GemmaForConditionalGeneration(config).eval()
    source, target = torch.arange(3, 14)[None], torch.arange(3, 3 + TOKENS)[None]
    with torch.no_grad():
        cache = module(input_ids=source, decoder_input_ids=target, use_cache=True).past_key_values
    live = held(cache.self_attention_cache.layers) + held(cache.cross_attention_cache.layers)
    worked = models.cost(config, TOKENS, source_tokens=11, dtype=torch.float32)
    assert (
        worked.cache_bytes
        == live
        == models.cost(geometry(config), TOKENS, source_tokens=11, dtype=torch.float32).cache_bytes
    )
    assert sum(line.value for line in worked.lines if line.what.startswith("Cache in all")) == live


def test_a_geometry_with_lists_of_another_length_is_refused():
    shape = geometry(config_of("laguna"))
    with pytest.raises(ValueError, match="heads_per_layer should be of 4 layers, but 2 came"):
        models.Geometry(
            **{
                name: getattr(shape, name)
                for name in (
                    "layers",
                    "heads",
                    "kv_heads",
                    "d_head",
                    "d_model",
                    "kind",
                    "context",
                    "vocab",
                    "role",
                    "v_head_dim",
                )
            },
            heads_per_layer=(6, 2),
        )


@pytest.mark.parametrize(
    "given",
    [
        {"model_type": "gemma3_text", "num_hidden_layers": 10**9},
        {"model_type": "laguna", "num_hidden_layers": 10**9},
        {"model_type": "gemma3", "text_config": {"num_hidden_layers": 10**9}},
        {"model_type": "t5gemma", "decoder": {"num_hidden_layers": 10**9}},
    ],
    ids=lambda given: given["model_type"],
)
def test_a_pasted_config_of_a_billion_layers_is_refused_before_it_is_made(given: dict[str, Any]):
    with pytest.raises(UnsupportedModel, match="1,000,000,000, but no more than 1,000 layers"):
        models.anatomy(given)


def test_a_million_layers_are_refused_by_arithmetic():
    with pytest.raises(UnsupportedModel, match="1,000,000 layers"):
        geometry(LlamaConfig(num_hidden_layers=10**6))
