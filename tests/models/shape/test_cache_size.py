"""Cache sizes by formula, against the numbers that others have published for real models."""

from typing import Any

import pytest
import torch
from transformers import (
    DeepseekV2Config,
    DeepseekV3Config,
    DynamicCache,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedConfig,
)

from models.errors import BadSelection
from models.shape.attention_geometry import geometry
from models.shape.cache_size import cache_bytes_per_token, cache_elements_per_token
from models.shape.family import family_config
from tests.sentences import assert_sentence


def deepseek_v2(layers: int, heads: int) -> DeepseekV2Config:
    """Both V2 models cache a latent of 512 and a rotary key of 64; their heads are 128 wide, 192 with the rotary part."""
    return DeepseekV2Config(
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        kv_lora_rank=512,
        qk_nope_head_dim=128,
        qk_rope_head_dim=64,
        v_head_dim=128,
    )


def llama(layers: int, heads: int, kv_heads: int, d_head: int) -> LlamaConfig:
    return LlamaConfig(
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        head_dim=d_head,
        hidden_size=heads * d_head,
    )


@pytest.mark.parametrize(
    ("config", "elements"),
    [
        (deepseek_v2(60, 128), 34_560),  # arXiv 2405.04434 prints 34.6K
        (llama(60, 128, 128, 128), 1_966_080),  # DeepSeek-V2's shape with MHA
        (deepseek_v2(27, 16), 15_552),  # V2-Lite; the paper's appendix prints 15.6K
        (llama(27, 16, 16, 128), 110_592),  # and 110.6K for it with MHA
        (llama(7, 6, 2, 10), 2 * 2 * 10 * 7),  # Table 1: GQA 2 n_g d_h l
        (llama(7, 6, 1, 10), 2 * 10 * 7),  # MQA 2 d_h l
    ],
)
def test_elements_per_token(config: PreTrainedConfig, elements: int):
    assert cache_elements_per_token(geometry(config)) == elements


def test_bytes_per_token():
    lite = geometry(deepseek_v2(27, 16))
    assert cache_bytes_per_token(lite) == 31_104  # panbanda/higgs#254
    assert cache_bytes_per_token(lite, latents=False) == 276_480  # the same, expanded
    v3 = DeepseekV3Config(num_hidden_layers=61, kv_lora_rank=512, qk_rope_head_dim=64)
    assert cache_bytes_per_token(geometry(v3)) == 70_272  # LMCache#715
    tokens = 32_768
    assert cache_bytes_per_token(geometry(llama(32, 32, 32, 128))) * tokens == pytest.approx(
        17.18e9, rel=1e-3
    )
    assert cache_bytes_per_token(geometry(llama(32, 32, 8, 128))) * tokens == pytest.approx(4.29e9, rel=2e-3)


def test_what_transformers_keeps_is_what_the_formula_says():
    config = LlamaConfig(
        num_hidden_layers=3,
        num_attention_heads=6,
        num_key_value_heads=2,
        head_dim=8,
        hidden_size=48,
        intermediate_size=37,
        vocab_size=101,
    )
    cache: Any = DynamicCache(config=config)
    with torch.no_grad():
        LlamaForCausalLM(config)(torch.arange(11)[None], past_key_values=cache)
    kept = sum(layer.keys.numel() + layer.values.numel() for layer in cache.layers)
    assert kept == 11 * cache_elements_per_token(geometry(config))


def test_the_family():
    sizes = {
        kind: cache_bytes_per_token(geometry(family_config(kind))) for kind in ("mha", "gqa", "mla", "mqa")
    }
    # bf16, 4 layers: 2*8*32, 2*2*32, 128+16, 2*32 elements a layer
    assert sizes == {"mha": 4096, "gqa": 1024, "mla": 1152, "mqa": 512}


def test_an_encoder_keeps_nothing():
    from transformers import BertConfig

    with pytest.raises(BadSelection) as caught:
        cache_bytes_per_token(geometry(BertConfig()))
    assert_sentence(caught.value)
