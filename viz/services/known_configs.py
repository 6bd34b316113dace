"""Sizes of well-known models, from their published config.json: what the planner offers without a network."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_DEEPSEEK_V2: Mapping[str, Any] = MappingProxyType(
    {
        "model_type": "deepseek_v2",
        "vocab_size": 102400,
        "n_shared_experts": 2,
        "num_experts_per_tok": 6,
        "first_k_dense_replace": 1,
        "kv_lora_rank": 512,
        "qk_rope_head_dim": 64,
        "qk_nope_head_dim": 128,
        "v_head_dim": 128,
        "max_position_embeddings": 163840,
    }
)


def _llama(
    layers: int, width: int, heads: int, kv_heads: int, inner: int, vocab: int, context: int
) -> dict[str, Any]:
    return {
        "model_type": "llama",
        "num_hidden_layers": layers,
        "hidden_size": width,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "intermediate_size": inner,
        "vocab_size": vocab,
        "max_position_embeddings": context,
        "tie_word_embeddings": False,
    }


KNOWN_CONFIGS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "Llama 3.1 8B": _llama(32, 4096, 32, 8, 14336, 128256, 131072),
        "Llama 3.1 70B": _llama(80, 8192, 64, 8, 28672, 128256, 131072),
        "Llama 2 7B": _llama(32, 4096, 32, 32, 11008, 32000, 4096),
        "DeepSeek 67B": _llama(95, 8192, 64, 8, 22016, 102400, 4096),
        "DeepSeek-V2": {
            **_DEEPSEEK_V2,
            "num_hidden_layers": 60,
            "hidden_size": 5120,
            "num_attention_heads": 128,
            "num_key_value_heads": 128,
            "q_lora_rank": 1536,
            "intermediate_size": 12288,
            "moe_intermediate_size": 1536,
            "n_routed_experts": 160,
        },
        "DeepSeek-V2-Lite": {
            **_DEEPSEEK_V2,
            "num_hidden_layers": 27,
            "hidden_size": 2048,
            "num_attention_heads": 16,
            "num_key_value_heads": 16,
            "q_lora_rank": None,
            "intermediate_size": 10944,
            "moe_intermediate_size": 1408,
            "n_routed_experts": 64,
        },
        "DeepSeek-V3": {"model_type": "deepseek_v3"},  # whose sizes are transformers' defaults
        "Mistral 7B v0.1 (windows)": {"model_type": "mistral"},
        "Gemma 2 9B (windows in half the layers)": {
            "model_type": "gemma2",
            "num_hidden_layers": 42,
            "hidden_size": 3584,
            "num_attention_heads": 16,
            "num_key_value_heads": 8,
            "head_dim": 256,
            "intermediate_size": 14336,
        },
        "Mixtral 8x7B": {"model_type": "mixtral"},
        "StarCoder (MQA)": {
            "model_type": "gpt_bigcode",
            "n_layer": 40,
            "n_embd": 6144,
            "n_head": 48,
            "n_inner": 24576,
            "n_positions": 8192,
            "vocab_size": 49152,
            "multi_query": True,
            "bos_token_id": 0,
            "eos_token_id": 0,
        },
        "GPT-2": {"model_type": "gpt2"},
    }
)
