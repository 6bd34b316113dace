"""The config of a converted model."""

from __future__ import annotations

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, PreTrainedConfig
from transformers.modeling_rope_utils import RopeParameters

MODEL_TYPE = "headlight_mla"


@strict
class HeadlightMlaConfig(PreTrainedConfig):
    """A Llama-like decoder whose keys and values are expanded from one latent per token and layer.

    kv_lora_rank: width of the latent, of the widest layer where they differ; kv_lora_ranks: that of each layer, None
    where they are all alike. There is no qk_nope_head_dim and no qk_rope_head_dim: the whole key is expanded from the
    latent and then turned by the rotary embedding. query_bias, output_bias, mlp_bias: as in the model it came from;
    the expansion always has one. layer_types: "full_attention" or "sliding_attention" (sliding_window tokens).
    provenance: what it was made of, plain JSON; note: one sentence that must stand beside it.
    """

    model_type = MODEL_TYPE
    keys_to_ignore_at_inference = ("past_key_values",)

    vocab_size: int = 32000
    hidden_size: int = 4096
    intermediate_size: int = 11008
    num_hidden_layers: int = 32
    num_attention_heads: int = 32
    num_key_value_heads: int = 32
    head_dim: int = 128
    kv_lora_rank: int = 512
    kv_lora_ranks: list[int] | None = None
    hidden_act: str = "silu"
    max_position_embeddings: int = 2048
    initializer_range: float = 0.02
    rms_norm_eps: float = 1e-6
    use_cache: bool = True
    tie_word_embeddings: bool = False
    rope_parameters: RopeParameters | dict | None = None
    query_bias: bool = False
    output_bias: bool = False
    mlp_bias: bool = False
    attention_dropout: float | int = 0.0
    sliding_window: int | None = None
    layer_types: list[str] | None = None
    pad_token_id: int | None = None
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    provenance: dict[str, Any] | None = None
    note: str = ""

    def __post_init__(self, **kwargs: Any) -> None:
        if self.layer_types is None:
            self.layer_types = ["full_attention"] * self.num_hidden_layers
        super().__post_init__(**kwargs)

    def rank(self, layer: int) -> int:
        """Width of that layer's latent."""
        return self.kv_lora_rank if self.kv_lora_ranks is None else self.kv_lora_ranks[layer]

    def validate_ranks(self) -> None:
        """Part of `@strict`'s validation: one rank a layer, the widest of them named."""
        ranks = self.kv_lora_ranks
        if ranks is not None and (len(ranks) != self.num_hidden_layers or max(ranks) != self.kv_lora_rank):
            raise ValueError(
                f"kv_lora_ranks should be {self.num_hidden_layers} numbers with {self.kv_lora_rank} as the largest, but "
                f"is {ranks}."
            )


AutoConfig.register(MODEL_TYPE, HeadlightMlaConfig, exist_ok=True)
