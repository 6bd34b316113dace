"""The parts of the Transformer encoder-decoder: sizes, positions, attention of several heads, layers of either side.

Source: Vaswani et al. 2017 (arXiv 1706.03762), section 3. As in the paper each sublayer's sum with its input is normed behind
it, and projections have no bias; unlike it there is no dropout, since no training example comes twice.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from huggingface_hub.dataclasses import strict
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import EncoderDecoderCache, PreTrainedConfig
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.bart.modeling_bart import eager_attention_forward

from models.classic.characters import ALPHABET, END_ID, PAD_ID, START_ID
from models.classic.dates import LONGEST

MODEL_TYPE = "headlight-cross"


@strict
class CrossConfig(PreTrainedConfig):
    """Sizes of the encoder-decoder: d_model is `hidden_size`, d_ff `intermediate_size` in the paper's terms."""

    model_type = MODEL_TYPE
    keys_to_ignore_at_inference = ("past_key_values",)

    vocab_size: int = 4 + len(ALPHABET)
    hidden_size: int = 64
    intermediate_size: int = 256
    encoder_layers: int = 2
    decoder_layers: int = 2
    encoder_attention_heads: int = 4
    decoder_attention_heads: int = 4
    max_position_embeddings: int = LONGEST + 1  # characters of a text and its end mark
    layer_norm_eps: float = 1e-5
    use_cache: bool = True
    is_encoder_decoder: bool = True
    tie_word_embeddings: bool = True
    pad_token_id: int | None = PAD_ID
    bos_token_id: int | None = START_ID
    eos_token_id: int | list[int] | None = END_ID
    decoder_start_token_id: int | None = START_ID

    def validate_sizes(self) -> None:
        """Part of `@strict`'s validation: heads share the width evenly, and each sine has its cosine."""
        for heads in (self.encoder_attention_heads, self.decoder_attention_heads):
            if self.hidden_size % heads or self.hidden_size % 2:
                raise ValueError(
                    f"hidden_size should be even and a multiple of {heads} heads, but is {self.hidden_size}."
                )


def sinusoidal_positions(positions: Int[Tensor, " pos"], width: int) -> Float[Tensor, "pos width"]:
    """sin(pos / 10000^(2i / width)) in column 2i, the cosine in column 2i + 1 (section 3.5)."""
    steps = torch.arange(0, width, 2, device=positions.device, dtype=torch.float32)
    angles = positions[:, None] * torch.exp(-math.log(10_000) * steps / width)  # [pos, width / 2]
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)


class CrossAttention(nn.Module):
    """Attention of several heads (section 3.2): each text to itself, or the target to the source.

    is_causal: whether a token sees itself and those before it alone.
    """

    def __init__(self, config: CrossConfig, heads: int, layer_idx: int, is_causal: bool = False) -> None:
        super().__init__()
        self.config, self.layer_idx, self.is_causal = config, layer_idx, is_causal
        self.head_dim = config.hidden_size // heads
        self.q_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.k_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.v_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.o_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=False)

    def forward(
        self,
        states: Tensor,  # [batch, query, d_model]
        source: Tensor | None = None,  # [batch, key, d_model], None: the states themselves
        mask: Tensor | None = None,
        past_key_values: EncoderDecoderCache | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """[batch, query, d_model], and the pattern [batch, head, query, key] where the implementation gives one."""
        query = self._heads(self.q_proj(states))
        key, value = self._keys_and_values(states, source, past_key_values)
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation or "eager", eager_attention_forward
        )
        output, pattern = attend(self, query, key, value, mask, dropout=0.0, scaling=self.head_dim**-0.5)
        return self.o_proj(output.flatten(-2).contiguous()), pattern

    def _heads(self, states: Tensor) -> Tensor:
        """[batch, pos, d_model] to [batch, head, pos, d_head]."""
        return states.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)

    def _keys_and_values(
        self, states: Tensor, source: Tensor | None, cache: EncoderDecoderCache | None
    ) -> tuple[Tensor, Tensor]:
        """Of all tokens that are there to see, both [batch, head, key, d_head]; those of the source are worked out once."""
        if cache is not None and source is not None and cache.is_updated.get(self.layer_idx):
            kept: Any = cache.cross_attention_cache.layers[self.layer_idx]
            return kept.keys, kept.values
        read = states if source is None else source
        key, value = self._heads(self.k_proj(read)), self._heads(self.v_proj(read))
        if cache is None:
            return key, value
        if source is None:
            return cache.self_attention_cache.update(key, value, self.layer_idx)
        cache.is_updated[self.layer_idx] = True
        return cache.cross_attention_cache.update(key, value, self.layer_idx)


class CrossFeedForward(nn.Module):
    """max(0, x W1 + b1) W2 + b2, for each position alone (section 3.3)."""

    def __init__(self, config: CrossConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.hidden_size, config.intermediate_size)
        self.down = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, states: Tensor) -> Tensor:
        """[batch, pos, d_model] to the same."""
        return self.down(self.up(states).relu())


def _norm(config: CrossConfig) -> nn.LayerNorm:
    return nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)


class CrossEncoderLayer(nn.Module):
    """Self-attention and feed-forward part, each LayerNorm(x + Sublayer(x))."""

    def __init__(self, config: CrossConfig, layer_idx: int) -> None:
        super().__init__()
        self.self_attn = CrossAttention(config, config.encoder_attention_heads, layer_idx)
        self.feed_forward = CrossFeedForward(config)
        self.self_attn_norm, self.feed_forward_norm = _norm(config), _norm(config)

    def forward(self, states: Tensor, mask: Tensor | None) -> Tensor:
        """[batch, source, d_model] to the same."""
        states = self.self_attn_norm(states + self.self_attn(states, mask=mask)[0])
        return self.feed_forward_norm(states + self.feed_forward(states))


class CrossDecoderLayer(nn.Module):
    """Self-attention, then attention to the source, then the feed-forward part."""

    def __init__(self, config: CrossConfig, layer_idx: int) -> None:
        super().__init__()
        heads = config.decoder_attention_heads
        self.self_attn = CrossAttention(config, heads, layer_idx, is_causal=True)
        self.cross_attn = CrossAttention(config, heads, layer_idx)
        self.feed_forward = CrossFeedForward(config)
        self.self_attn_norm, self.cross_attn_norm = _norm(config), _norm(config)
        self.feed_forward_norm = _norm(config)

    def forward(
        self,
        states: Tensor,
        mask: Tensor | None,
        source: Tensor,
        source_mask: Tensor | None,
        past_key_values: EncoderDecoderCache | None,
    ) -> Tensor:
        """[batch, target, d_model] to the same; source [batch, source, d_model]."""
        own, _ = self.self_attn(states, mask=mask, past_key_values=past_key_values)
        states = self.self_attn_norm(states + own)
        read, _ = self.cross_attn(states, source, source_mask, past_key_values)
        states = self.cross_attn_norm(states + read)
        return self.feed_forward_norm(states + self.feed_forward(states))
