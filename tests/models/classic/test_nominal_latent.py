"""The module that is latent in name only beside PyTorch's multi-head attention and a real latent attention."""

from typing import Any

import pytest
import torch
from torch import nn
from transformers import DeepseekV3ForCausalLM, LlamaForCausalLM

from models.classic.nominal_latent import NominalLatentAttention, NominalLatentConfig
from models.shape.attention_geometry import Kind, geometry
from models.shape.cache_size import cache_elements_per_token_and_layer
from models.shape.family import family_config


def filled(config: NominalLatentConfig) -> tuple[NominalLatentAttention, nn.MultiheadAttention]:
    """Ours and PyTorch's, with the same weights."""
    torch.manual_seed(0)
    ours = NominalLatentAttention(config)
    theirs = nn.MultiheadAttention(config.d_model, config.heads, batch_first=True)
    parts: list[Any] = [ours.q_proj, ours.k_proj, ours.v_proj]
    theirs.load_state_dict(
        {
            "in_proj_weight": torch.cat([part.weight for part in parts]),
            "in_proj_bias": torch.cat([part.bias for part in parts]),
            "out_proj.weight": ours.o_proj.weight,
            "out_proj.bias": ours.o_proj.bias,
        }
    )
    return ours, theirs


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("heads", [1, 3])
@torch.no_grad()
def test_it_is_pytorchs_multi_head_attention(heads: int, causal: bool):
    ours, theirs = filled(NominalLatentConfig(15, heads))
    states = torch.randn(2, 7, 15, dtype=torch.float32)
    later = torch.ones(7, 7, dtype=torch.bool).triu(1) if causal else None
    expected, _ = theirs(states, states, states, attn_mask=later)
    found = ours(states, is_causal=causal)
    torch.testing.assert_close(found, expected, atol=1e-6 * expected.abs().max().item(), rtol=0)


def test_its_cache_is_multi_head_attentions_by_geometry():
    mha, latent = geometry(family_config("mha")), geometry(family_config("mla"))
    named = NominalLatentConfig(mha.d_model, mha.heads).geometry
    assert named.kv_lora_rank is None
    assert cache_elements_per_token_and_layer(named) == 2 * mha.heads * mha.d_head == 512
    assert cache_elements_per_token_and_layer(named) == cache_elements_per_token_and_layer(mha)
    assert cache_elements_per_token_and_layer(latent) == 128 + 16  # of the same width and heads
    assert (latent.d_model, latent.heads) == (mha.d_model, mha.heads)


@torch.no_grad()
def test_what_it_keeps_is_what_multi_head_attention_does_and_a_latent_does_not():
    """Counted in the tensors themselves: ours beside the caches that transformers fills."""
    mha = geometry(family_config("mha"))
    config = NominalLatentConfig(mha.d_model, mha.heads)
    kept = NominalLatentAttention(config).cached(torch.randn(1, 5, mha.d_model, dtype=torch.float32))
    ours = sum(part.numel() for part in kept) // 5
    assert ours == cache_elements_per_token_and_layer(config.geometry)
    held: dict[Kind, int] = {}
    kinds: tuple[tuple[Kind, Any], ...] = (("mha", LlamaForCausalLM), ("mla", DeepseekV3ForCausalLM))
    for kind, module in kinds:
        config_of_kind: Any = family_config(kind)
        cache: Any = module(config_of_kind)(torch.arange(5)[None], use_cache=True).past_key_values
        held[kind] = (cache.layers[0].keys.numel() + cache.layers[0].values.numel()) // 5
    assert held == {"mha": ours, "mla": cache_elements_per_token_and_layer(geometry(family_config("mla")))}


@pytest.mark.parametrize(("d_model", "heads"), [(15, 4), (15, 0)])
def test_heads_that_do_not_fit_are_refused(d_model: int, heads: int):
    with pytest.raises(ValueError, match="multiple of heads"):
        NominalLatentConfig(d_model, heads)
