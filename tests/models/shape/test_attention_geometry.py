"""Geometry from configs, compared with what transformers' own models do with them."""

from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    BartConfig,
    BertConfig,
    ConvBertConfig,
    DeepseekV2Config,
    DeepseekV3Config,
    DistilBertConfig,
    FalconConfig,
    Gemma2Config,
    GPT2Config,
    GPTBigCodeConfig,
    GPTNeoXConfig,
    LlamaConfig,
    MobileBertConfig,
    PreTrainedConfig,
    ProphetNetConfig,
    Qwen2Config,
    Qwen3Config,
    T5Config,
    XGLMConfig,
)
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from models.errors import UnsupportedModel
from models.shape.attention_geometry import geometry
from tests.sentences import assert_sentence

# Every size is a different number, so that one taken for another cannot pass.
SMALL: dict[str, Any] = {
    "num_hidden_layers": 3,
    "vocab_size": 101,
    "intermediate_size": 37,
    "max_position_embeddings": 71,
}
FALCON: dict[str, Any] = {
    "num_hidden_layers": 3,
    "vocab_size": 101,
    "num_attention_heads": 6,
    "hidden_size": 48,
}
MLA: dict[str, Any] = {
    "num_attention_heads": 5,
    "num_key_value_heads": 5,
    "hidden_size": 40,
    "kv_lora_rank": 11,
    "q_lora_rank": 13,
    "qk_nope_head_dim": 7,
    "qk_rope_head_dim": 4,
    "v_head_dim": 9,
    "first_k_dense_replace": 3,
    **SMALL,
}

DECODERS: dict[str, tuple[PreTrainedConfig, str, int, int, int, int]] = {
    # name: config, kind, layers, heads, key/value heads, head width
    "gpt2": (GPT2Config(n_layer=3, n_head=5, n_embd=35, vocab_size=101, n_positions=71), "mha", 3, 5, 5, 7),
    "gpt_neox": (GPTNeoXConfig(num_attention_heads=5, hidden_size=40, **SMALL), "mha", 3, 5, 5, 8),
    "xglm": (
        XGLMConfig(num_layers=3, attention_heads=5, d_model=40, vocab_size=101, ffn_dim=37),
        "mha",
        3,
        5,
        5,
        8,
    ),
    "llama": (
        LlamaConfig(num_attention_heads=6, num_key_value_heads=2, hidden_size=48, **SMALL),
        "gqa",
        3,
        6,
        2,
        8,
    ),
    "llama, one key/value head": (
        LlamaConfig(num_attention_heads=6, num_key_value_heads=1, head_dim=10, hidden_size=48, **SMALL),
        *("mqa", 3, 6, 1, 10),
    ),
    "qwen2": (
        Qwen2Config(num_attention_heads=6, num_key_value_heads=3, hidden_size=48, **SMALL),
        "gqa",
        3,
        6,
        3,
        8,
    ),
    "qwen3": (
        Qwen3Config(num_attention_heads=6, num_key_value_heads=3, head_dim=10, hidden_size=48, **SMALL),
        *("gqa", 3, 6, 3, 10),
    ),
    "gemma2": (
        Gemma2Config(num_attention_heads=6, num_key_value_heads=2, head_dim=12, hidden_size=48, **SMALL),
        *("gqa", 3, 6, 2, 12),
    ),
    "gpt_bigcode, multi-query": (
        GPTBigCodeConfig(n_layer=3, n_head=5, n_embd=35, vocab_size=101, multi_query=True),
        *("mqa", 3, 5, 1, 7),
    ),
    "gpt_bigcode, all heads": (
        GPTBigCodeConfig(n_layer=3, n_head=5, n_embd=35, vocab_size=101, multi_query=False),
        *("mha", 3, 5, 5, 7),
    ),
    "falcon, multi-query": (FalconConfig(multi_query=True, **FALCON), "mqa", 3, 6, 1, 8),
    "falcon, all heads": (FalconConfig(multi_query=False, **FALCON), "mha", 3, 6, 6, 8),
    "deepseek_v2": (DeepseekV2Config(**MLA), "mla", 3, 5, 5, 11),
    "deepseek_v3": (DeepseekV3Config(**MLA), "mla", 3, 5, 5, 11),
}


@pytest.mark.parametrize("name", DECODERS)
def test_decoders(name: str):
    config, kind, layers, heads, kv_heads, d_head = DECODERS[name]
    found = geometry(config)
    assert found.role == "decoder"
    assert (found.kind, found.layers) == (kind, layers)
    assert (found.heads, found.kv_heads, found.d_head) == (heads, kv_heads, d_head)
    assert found.vocab == 101


@pytest.mark.parametrize("name", [name for name in DECODERS if "deepseek" not in name])
def test_keys_in_transformers_own_cache_have_the_shape_that_geometry_says(name: str):
    config = DECODERS[name][0]
    found = geometry(config)
    with torch.no_grad():
        module = AutoModelForCausalLM.from_config(config).eval()
        cache = module(torch.arange(2, 15).unsqueeze(0), use_cache=True).past_key_values
    keys = [layer.keys for layer in cache.layers]
    assert len(keys) == found.layers
    # GPT-BigCode keeps its single key/value head without an axis of its own
    shape = (1, found.kv_heads, 13, found.d_head) if keys[0].ndim == 4 else (1, 13, found.d_head)
    assert tuple(keys[0].shape) == shape


@pytest.mark.parametrize("name", ["deepseek_v2", "deepseek_v3"])
def test_latent_widths_are_those_of_transformers_own_projections(name: str):
    config = DECODERS[name][0]
    found = geometry(config)
    attention = AutoModelForCausalLM.from_config(config).model.layers[0].self_attn
    assert found.kv_lora_rank is not None
    assert found.qk_rope_head_dim is not None
    assert found.qk_nope_head_dim is not None
    down, up = attention.kv_a_proj_with_mqa.weight, attention.kv_b_proj.weight
    assert down.shape == (found.kv_lora_rank + found.qk_rope_head_dim, found.d_model)
    assert up.shape == (found.heads * (found.qk_nope_head_dim + found.v_head_dim), found.kv_lora_rank)
    assert attention.q_b_proj.weight.shape == (found.heads * found.d_head, found.q_lora_rank)
    assert attention.o_proj.weight.shape == (found.d_model, found.heads * found.v_head_dim)


ENCODERS: dict[str, tuple[PreTrainedConfig, int, int, int]] = {
    # name: config, layers, heads, head width
    "bert": (BertConfig(num_attention_heads=5, hidden_size=40, **SMALL), 3, 5, 8),
    "distilbert": (DistilBertConfig(n_layers=3, n_heads=5, dim=40, hidden_dim=37, vocab_size=101), 3, 5, 8),
    "convbert": (ConvBertConfig(num_attention_heads=6, head_ratio=2, hidden_size=48, **SMALL), 3, 3, 8),
    "mobilebert": (
        MobileBertConfig(
            num_attention_heads=5,
            hidden_size=48,
            intra_bottleneck_size=40,
            embedding_size=40,
            **SMALL,
        ),
        *(3, 5, 8),
    ),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_encoders_give_as_many_patterns_as_geometry_says(name: str):
    config, layers, heads, d_head = ENCODERS[name]
    found = geometry(config)
    assert (found.role, found.kind) == ("encoder", "mha")
    assert (found.layers, found.heads, found.d_head) == (layers, heads, d_head)
    with torch.no_grad():
        module = AutoModelForMaskedLM.from_config(config, attn_implementation="eager").eval()
        patterns = module(torch.arange(2, 15).unsqueeze(0), output_attentions=True).attentions
    assert [tuple(pattern.shape) for pattern in patterns] == [(1, heads, 13, 13)] * layers


BART: dict[str, Any] = {
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 5,
    "decoder_attention_heads": 4,
}
PAIRS: dict[str, tuple[PreTrainedConfig, int]] = {
    # name: config with 2 encoder and 3 decoder layers, 5 encoder heads and 4 decoder heads; decoder head width
    "bart": (BartConfig(d_model=40, vocab_size=101, encoder_ffn_dim=37, decoder_ffn_dim=37, **BART), 10),
    "prophetnet": (
        ProphetNetConfig(
            num_encoder_layers=2,
            num_decoder_layers=3,
            num_encoder_attention_heads=5,
            num_decoder_attention_heads=4,
            hidden_size=40,
            vocab_size=101,
        ),
        10,
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_encoder_decoders_have_two_sides(name: str):
    config, d_head = PAIRS[name]
    found = geometry(config)
    assert found.role == "encoder-decoder"
    assert (found.encoder_layers, found.layers) == (2, 3)
    assert (found.encoder_heads, found.heads, found.d_head) == (5, 4, d_head)


def test_t5_sets_its_head_width_apart_from_its_width():
    config = T5Config(
        num_layers=2, num_decoder_layers=3, num_heads=5, d_kv=7, d_model=22, d_ff=37, vocab_size=101
    )
    found = geometry(config)
    assert (found.encoder_layers, found.layers, found.heads, found.encoder_heads) == (2, 3, 5, 5)
    assert (found.d_head, found.d_model, found.context) == (7, 22, None)
    module = AutoModelForSeq2SeqLM.from_config(config)
    assert module.decoder.block[0].layer[1].EncDecAttention.q.weight.shape == (5 * 7, 22)


def test_a_window_counts_only_where_it_is_used():
    sizes: dict[str, Any] = {"num_attention_heads": 6, "num_key_value_heads": 3, "hidden_size": 48, **SMALL}
    assert geometry(Qwen2Config(use_sliding_window=False, sliding_window=19, **sizes)).sliding_window is None
    assert geometry(Qwen2Config(use_sliding_window=True, sliding_window=19, **sizes)).sliding_window == 19
    assert geometry(Gemma2Config(sliding_window=19, head_dim=8, **sizes)).sliding_window == 19


def test_the_name_of_a_type_decides_nothing():
    config = LlamaConfig(num_attention_heads=6, num_key_value_heads=6, hidden_size=48, **SMALL)
    assert geometry(config).kind == "mha"
    config.num_key_value_heads = 2
    assert geometry(config).kind == "gqa"


def _text_types() -> list[str]:
    tables = ("CAUSAL_LM", "MASKED_LM", "SEQ_TO_SEQ_CAUSAL_LM")
    names = {name for table in tables for name in getattr(modeling_auto, f"MODEL_FOR_{table}_MAPPING_NAMES")}
    return sorted(names)


# gemma4_assistant has no default config; the others say nothing of heads, or read more than text.
NOT_READABLE = {"gemma4_assistant"}


@pytest.mark.slow
def test_every_text_config_of_transformers_has_a_geometry_or_a_sentence():
    refused = set()
    for name in _text_types():
        if name in NOT_READABLE:
            continue
        config = CONFIG_MAPPING[name]()
        try:
            found = geometry(config)
        except UnsupportedModel as error:
            assert_sentence(error)
            refused.add(name)
            continue
        assert found.heads >= found.kv_heads >= 1, name
        assert found.heads % found.kv_heads == 0 or name == "jetmoe", name
        assert found.layers > 0, name
        assert found.d_head > 0, name
        assert (found.kind == "mla") == (found.kv_lora_rank is not None), name
        assert (found.role == "encoder-decoder") == (found.encoder_layers is not None), name
    assert {"mamba", "mamba2", "rwkv", "xlstm", "fnet", "whisper", "gemma3", "qwen2_audio"} <= refused
    assert not refused & {
        "gpt2",
        "gpt_oss",
        "modernbert",
        "t5gemma",
        "encoder-decoder",
        "gemma4_text",
        "falcon",
    }
    assert len(refused) < len(_text_types()) / 4
