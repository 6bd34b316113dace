"""Self- and cross-attention: the Transformer encoder-decoder of Vaswani et al. 2017 (arXiv 1706.03762), small enough to read.

As in the paper: each sublayer's sum with its input is normed behind it, one embedding serves source, target and output, and
positions are sines. Unlike it there is no dropout, since no training example comes twice. Its attention goes through
transformers' registry, so what watches and gates the models of others watches and gates this one.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from huggingface_hub.dataclasses import strict
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForSeq2SeqLM,
    DynamicCache,
    EncoderDecoderCache,
    GenerationMixin,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers import initialization as init
from transformers.masking_utils import create_bidirectional_mask, create_causal_mask
from transformers.modeling_outputs import (
    BaseModelOutput,
    BaseModelOutputWithPastAndCrossAttentions,
    Seq2SeqLMOutput,
)
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.bart.modeling_bart import eager_attention_forward, shift_tokens_right
from transformers.utils.generic import can_return_tuple, merge_with_config_defaults
from transformers.utils.output_capturing import OutputRecorder, capture_outputs

MODEL_TYPE = "headlight-cross"


@strict
class CrossConfig(PreTrainedConfig):
    """Sizes of the encoder-decoder: d_model is `hidden_size`, d_ff `intermediate_size` in the paper's terms."""

    model_type = MODEL_TYPE
    keys_to_ignore_at_inference = ("past_key_values",)

    vocab_size: int = 64
    hidden_size: int = 64
    intermediate_size: int = 256
    encoder_layers: int = 2
    decoder_layers: int = 2
    encoder_attention_heads: int = 4
    decoder_attention_heads: int = 4
    max_position_embeddings: int = 160
    layer_norm_eps: float = 1e-5
    use_cache: bool = True
    is_encoder_decoder: bool = True
    tie_word_embeddings: bool = True
    pad_token_id: int | None = 0
    bos_token_id: int | None = 1
    eos_token_id: int | list[int] | None = 2
    decoder_start_token_id: int | None = 1


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


class CrossPreTrainedModel(PreTrainedModel):
    """What encoder, decoder and the whole share."""

    config_class = CrossConfig
    config: CrossConfig
    _no_split_modules = ["CrossEncoderLayer", "CrossDecoderLayer"]  # noqa: RUF012
    _skip_keys_device_placement = ["past_key_values"]  # noqa: RUF012
    _supports_sdpa = True
    _supports_attention_backend = True

    def _init_weights(self, module: nn.Module) -> None:
        """The embedding is scaled up by sqrt(d_model) where it is read and not where it is written with."""
        if isinstance(module, nn.Embedding):
            init.normal_(module.weight, std=self.config.hidden_size**-0.5)
        elif isinstance(module, nn.Linear):
            init.xavier_uniform_(module.weight)
            if module.bias is not None:
                init.zeros_(module.bias)
        else:
            super()._init_weights(module)

    def _placed(self, embedded: Tensor, first: int = 0) -> Tensor:
        """Embeddings [batch, pos, d_model], scaled and with their positions, counted from `first`."""
        places = torch.arange(first, first + embedded.shape[1], device=embedded.device)
        width = self.config.hidden_size
        return embedded * width**0.5 + sinusoidal_positions(places, width).to(embedded.dtype)


class CrossEncoder(CrossPreTrainedModel):
    """Reads the source, both ways."""

    _can_record_outputs = {"hidden_states": CrossEncoderLayer, "attentions": CrossAttention}  # noqa: RUF012

    def __init__(self, config: CrossConfig) -> None:
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(CrossEncoderLayer(config, i) for i in range(config.encoder_layers))
        self.post_init()

    @merge_with_config_defaults
    @capture_outputs
    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any) -> BaseModelOutput:
        """Ids [batch, source] to states [batch, source, d_model]; attention_mask: 0 where there is padding."""
        states = self._placed(self.embed_tokens(input_ids))
        mask = create_bidirectional_mask(self.config, states, attention_mask)
        for layer in self.layers:
            states = layer(states, mask)
        return BaseModelOutput(last_hidden_state=states)


class CrossDecoder(CrossPreTrainedModel):
    """Reads what is written so far, and the source."""

    _can_record_outputs = {  # noqa: RUF012
        "hidden_states": CrossDecoderLayer,
        "attentions": OutputRecorder(CrossAttention, index=1, layer_name="self_attn"),
        "cross_attentions": OutputRecorder(CrossAttention, index=1, layer_name="cross_attn"),
    }

    def __init__(self, config: CrossConfig) -> None:
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(CrossDecoderLayer(config, i) for i in range(config.decoder_layers))
        self.post_init()

    @merge_with_config_defaults
    @capture_outputs
    def forward(
        self,
        input_ids: Tensor,
        source: Tensor,
        attention_mask: Tensor | None = None,
        source_mask: Tensor | None = None,
        past_key_values: EncoderDecoderCache | None = None,
        use_cache: bool | None = None,
        **_: Any,
    ) -> BaseModelOutputWithPastAndCrossAttentions:
        """Ids [batch, target] to states [batch, target, d_model]; with a cache the ids behind those that it holds."""
        if use_cache and past_key_values is None:
            past_key_values = EncoderDecoderCache(DynamicCache(), DynamicCache())
        own = None if past_key_values is None else past_key_values.self_attention_cache
        embedded = self.embed_tokens(input_ids)
        states = self._placed(embedded, 0 if own is None else own.get_seq_length())
        mask = create_causal_mask(self.config, states, attention_mask, own)
        over_source = create_bidirectional_mask(
            self.config, states, source_mask, encoder_hidden_states=source
        )
        for layer in self.layers:
            states = layer(states, mask, source, over_source, past_key_values)
        return BaseModelOutputWithPastAndCrossAttentions(states, past_key_values)


class CrossModel(CrossPreTrainedModel, GenerationMixin):
    """Encoder and decoder; the embedding turned round gives the logits (section 3.4)."""

    _tied_weights_keys = {  # noqa: RUF012
        "decoder.embed_tokens.weight": "encoder.embed_tokens.weight",
        "lm_head.weight": "encoder.embed_tokens.weight",
    }

    def __init__(self, config: CrossConfig) -> None:
        super().__init__(config)
        self.encoder, self.decoder = CrossEncoder(config), CrossDecoder(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self) -> nn.Embedding:
        """The one embedding."""
        return self.encoder.embed_tokens

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        encoder_outputs: Any = None,
        past_key_values: EncoderDecoderCache | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> Seq2SeqLMOutput:
        """Logits [batch, target, vocab], and the loss where `labels` [batch, target] are given (-100: not counted)."""
        if encoder_outputs is None:
            encoder_outputs = self.encoder(input_ids, attention_mask, **kwargs)
        if decoder_input_ids is None and labels is not None:
            start, padding = self.config.decoder_start_token_id, self.config.pad_token_id
            decoder_input_ids = shift_tokens_right(labels, padding, start)  # pyright: ignore[reportArgumentType]
        decoded = self.decoder(
            decoder_input_ids,
            encoder_outputs[0],
            decoder_attention_mask,
            attention_mask,
            past_key_values,
            use_cache=use_cache and labels is None,
            **kwargs,
        )
        logits = self.lm_head(decoded.last_hidden_state)
        loss = None if labels is None else nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        return Seq2SeqLMOutput(
            loss=loss,
            logits=logits,
            past_key_values=decoded.past_key_values,
            decoder_hidden_states=decoded.hidden_states,
            decoder_attentions=decoded.attentions,
            cross_attentions=decoded.cross_attentions,
            encoder_last_hidden_state=encoder_outputs[0],
            encoder_hidden_states=getattr(encoder_outputs, "hidden_states", None),
            encoder_attentions=getattr(encoder_outputs, "attentions", None),
        )


AutoConfig.register(MODEL_TYPE, CrossConfig, exist_ok=True)
AutoModelForSeq2SeqLM.register(CrossConfig, CrossModel, exist_ok=True)
