"""The converted model: a Llama-like decoder of transformers' making but for its attention, which caches latents.

The latent is taken before the rotary embedding (as in DeepSeek-V2, arXiv 2405.04434, section 2.1.2, but without its
decoupled rotary key), so that keys are expanded first and turned afterwards, each by its own token's position.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModel, AutoModelForCausalLM, Cache, GenerationMixin, PreTrainedModel
from transformers.masking_utils import create_causal_mask, create_sliding_window_causal_mask
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS, slice_logits_to_keep
from transformers.models.llama.modeling_llama import (
    LlamaMLP,
    LlamaRMSNorm,
    LlamaRotaryEmbedding,
    eager_attention_forward,
    rotate_half,
)
from transformers.utils.generic import can_return_tuple, merge_with_config_defaults
from transformers.utils.output_capturing import capture_outputs

from models.conversion.latent_cache import key_positions, latent_cache
from models.conversion.latent_config import HeadlightMlaConfig


class HeadlightMlaAttention(nn.Module):
    """Attention over keys and values expanded from one latent.

    kv_down_proj: d_model -> kv_rank, what is cached; kv_up_proj: kv_rank -> keys of all key/value heads (before the
    rotary embedding), then values of all.
    """

    def __init__(self, config: HeadlightMlaConfig, layer_idx: int) -> None:
        super().__init__()
        self.config, self.layer_idx = config, layer_idx
        self.head_dim, self.kv_heads = config.head_dim, config.num_key_value_heads
        self.num_key_value_groups = config.num_attention_heads // self.kv_heads
        self.scaling = self.head_dim**-0.5
        self.is_causal = True
        assert config.layer_types is not None
        windowed = config.layer_types[layer_idx] == "sliding_attention"
        self.sliding_window = config.sliding_window if windowed else None
        width, rank = config.num_attention_heads * self.head_dim, config.rank(layer_idx)
        self.q_proj = nn.Linear(config.hidden_size, width, bias=config.query_bias)
        self.kv_down_proj = nn.Linear(config.hidden_size, rank, bias=False)
        self.kv_up_proj = nn.Linear(rank, 2 * self.kv_heads * self.head_dim, bias=True)
        self.o_proj = nn.Linear(width, config.hidden_size, bias=config.output_bias)

    def expand(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Keys before the rotary embedding, and values, both [batch, kv_head, pos, d_head]; latent [batch, pos, kv_rank]."""
        both = self.kv_up_proj(latent).unflatten(-1, (2, self.kv_heads, self.head_dim))
        key, value = both.permute(2, 0, 3, 1, 4).unbind(0)
        return key, value

    def forward(
        self,
        hidden_states: Tensor,
        rotation: tuple[Tensor, Tensor],
        attention_mask: Tensor | None = None,
        past_key_values: Cache | None = None,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor | None]:
        """rotation: cosines and sines [batch | 1, pos, d_head] of all tokens' positions, the cached ones first."""
        query = self.q_proj(hidden_states).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
        latent = self.kv_down_proj(hidden_states)
        if past_key_values is not None:
            kept, _ = past_key_values.update(latent[:, None], latent[:, None, :, :0], self.layer_idx)
            latent = kept[:, 0]
        key, value = self.expand(latent)
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation or "eager", eager_attention_forward
        )
        output, weights = attend(
            self,
            _turned(query, rotation),
            _turned(key, rotation),
            value,
            attention_mask,
            dropout=self.config.attention_dropout if self.training else 0.0,
            scaling=self.scaling,
            sliding_window=self.sliding_window,
            **kwargs,
        )
        return self.o_proj(output.flatten(-2).contiguous()), weights


def _turned(states: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Queries or keys [batch, head, pos, d_head] of the last tokens after the rotary embedding (RoFormer, 2104.09864)."""
    cos, sin = (part[:, None, -states.shape[2] :] for part in rotation)
    return states * cos + rotate_half(states) * sin


class HeadlightMlaLayer(GradientCheckpointingLayer):
    """Attention and feed-forward part, each behind its norm."""

    def __init__(self, config: HeadlightMlaConfig, layer_idx: int) -> None:
        super().__init__()
        self.self_attn = HeadlightMlaAttention(config, layer_idx)
        self.mlp = LlamaMLP(config)
        self.input_layernorm = LlamaRMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.post_attention_layernorm = LlamaRMSNorm(config.hidden_size, eps=config.rms_norm_eps)

    def forward(self, hidden_states: Tensor, **kwargs: Any) -> Tensor:
        """[batch, pos, d_model] to the same."""
        attended, _ = self.self_attn(self.input_layernorm(hidden_states), **kwargs)
        hidden_states = hidden_states + attended
        return hidden_states + self.mlp(self.post_attention_layernorm(hidden_states))


class HeadlightMlaPreTrainedModel(PreTrainedModel):
    """What both classes share."""

    config_class = HeadlightMlaConfig
    config: HeadlightMlaConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _no_split_modules = ["HeadlightMlaLayer"]  # noqa: RUF012
    _skip_keys_device_placement = ["past_key_values"]  # noqa: RUF012
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True
    _can_record_outputs = {"hidden_states": HeadlightMlaLayer, "attentions": HeadlightMlaAttention}  # noqa: RUF012


class HeadlightMlaModel(HeadlightMlaPreTrainedModel):
    """The decoder without its language head."""

    def __init__(self, config: HeadlightMlaConfig) -> None:
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size, config.pad_token_id)
        self.layers = nn.ModuleList(HeadlightMlaLayer(config, i) for i in range(config.num_hidden_layers))
        self.norm = LlamaRMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.rotary_emb = LlamaRotaryEmbedding(config)  # pyright: ignore[reportArgumentType]
        self.gradient_checkpointing = False
        self.post_init()

    @merge_with_config_defaults
    @capture_outputs
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPast:
        """As transformers' decoders: ids [batch, pos] in, hidden states [batch, pos, d_model] out."""
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("Exactly one of input_ids and inputs_embeds must be given.")
        states = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        if use_cache and past_key_values is None:
            past_key_values = latent_cache(self.config)
        if position_ids is None:
            seen = past_key_values.get_seq_length() if past_key_values is not None else 0
            position_ids = torch.arange(seen, seen + states.shape[1], device=states.device)[None]
        positions = key_positions(past_key_values, self.config, position_ids)
        masks = self._masks(states, attention_mask, past_key_values, position_ids)
        rotation = self.rotary_emb(states, positions)
        assert self.config.layer_types is not None
        for layer, kind in zip(self.layers, self.config.layer_types, strict=True):
            states = layer(
                states,
                attention_mask=masks[kind],
                rotation=rotation,
                past_key_values=past_key_values,
                **kwargs,
            )
        return BaseModelOutputWithPast(last_hidden_state=self.norm(states), past_key_values=past_key_values)

    def _masks(
        self, states: Tensor, mask: Tensor | None, cache: Cache | None, positions: Tensor
    ) -> dict[str, Any]:
        """A mask for each kind of layer that there is."""
        given: dict[str, Any] = {
            "config": self.config,
            "inputs_embeds": states,
            "attention_mask": mask,
            "past_key_values": cache,
            "position_ids": positions,
        }
        makers = {
            "full_attention": create_causal_mask,
            "sliding_attention": create_sliding_window_causal_mask,
        }
        return {kind: makers[kind](**given) for kind in dict.fromkeys(self.config.layer_types or ())}


class HeadlightMlaForCausalLM(HeadlightMlaPreTrainedModel, GenerationMixin):
    """The decoder with its language head."""

    _tied_weights_keys = {"lm_head.weight": "model.embed_tokens.weight"}  # noqa: RUF012

    def __init__(self, config: HeadlightMlaConfig) -> None:
        super().__init__(config)
        self.model = HeadlightMlaModel(config)
        self.vocab_size = config.vocab_size
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """As transformers' decoders: logits [batch, pos, vocab], and the loss where `labels` are given."""
        output = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            **kwargs,
        )
        logits = self.lm_head(slice_logits_to_keep(output.last_hidden_state, logits_to_keep))
        loss = None
        if labels is not None:
            loss = self.loss_function(
                logits=logits, labels=labels, vocab_size=self.config.vocab_size, **kwargs
            )
        return CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            past_key_values=output.past_key_values,
            hidden_states=output.hidden_states,
            attentions=output.attentions,
        )


AutoModel.register(HeadlightMlaConfig, HeadlightMlaModel, exist_ok=True)
AutoModelForCausalLM.register(HeadlightMlaConfig, HeadlightMlaForCausalLM, exist_ok=True)
