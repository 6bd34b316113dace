"""The attention family: four models alike in everything but their attention, one row each.

Four layers of eight heads. What narrower keys and values save is given to the feed-forward part, so that the number of
parameters agrees within 1% and a difference between the four is one of attention, not of size.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from transformers import DeepseekV3Config, LlamaConfig, PreTrainedConfig

from models.errors import UnknownModel
from models.shape.attention_geometry import Kind

VOCABULARY = 4096
CONTEXT = 512
WATCHED_WINDOWS = (
    32  # contexts of the validation text on which the loss is measured at each record of the heads
)
END_OF_TEXT = 0  # stands between two books

_SHARED: Mapping[str, Any] = MappingProxyType(
    {
        "num_hidden_layers": 4,
        "num_attention_heads": 8,
        "hidden_size": 256,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": CONTEXT,
        "tie_word_embeddings": True,
        "bos_token_id": END_OF_TEXT,
        "eos_token_id": END_OF_TEXT,
        "pad_token_id": None,
    }
)

# What differs. The latent has DeepSeek-V2's proportions (arXiv 2405.04434, section 3.1.2): kv_lora_rank is 4 d_head, the
# rotary key half a d_head wide. first_k_dense_replace makes all four layers of DeepSeek-V3 dense.
_ROWS: Mapping[Kind, Mapping[str, Any]] = MappingProxyType(
    {
        "mha": {"num_key_value_heads": 8, "head_dim": 32, "intermediate_size": 512},
        "mqa": {"num_key_value_heads": 1, "head_dim": 32, "intermediate_size": 664},
        "gqa": {"num_key_value_heads": 2, "head_dim": 32, "intermediate_size": 640},
        "mla": {
            "num_key_value_heads": 8,
            "kv_lora_rank": 128,
            "qk_rope_head_dim": 16,
            "qk_nope_head_dim": 32,
            "v_head_dim": 32,
            "q_lora_rank": None,
            "first_k_dense_replace": 4,
            "intermediate_size": 504,
        },
    }
)

KINDS: tuple[Kind, ...] = tuple(_ROWS)


def family_name(kind: Kind) -> str:
    """The catalogue's name of the family's model of that kind."""
    return f"family-{kind}"


def family_config(kind: Kind) -> PreTrainedConfig:
    """The transformers config of the family's model of that kind; UnknownModel for any other kind."""
    if kind not in _ROWS:
        raise UnknownModel(f"The family has no attention kind “{kind}”: choose {', '.join(_ROWS)}.")
    config_class = DeepseekV3Config if kind == "mla" else LlamaConfig
    return config_class(**_SHARED, **_ROWS[kind])
