"""Self- and cross-attention: the Transformer encoder-decoder of Vaswani et al. 2017 (arXiv 1706.03762), small enough to read.

As in the paper one embedding serves source, target and output, and positions are sines. Its attention goes through
transformers' registry, so what watches and gates the models of others watches and gates this one. Its parts:
transformer_layers.py.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForSeq2SeqLM,
    DynamicCache,
    EncoderDecoderCache,
    GenerationMixin,
    PreTrainedModel,
)
from transformers import initialization as init
from transformers.masking_utils import create_bidirectional_mask, create_causal_mask
from transformers.modeling_outputs import (
    BaseModelOutput,
    BaseModelOutputWithPastAndCrossAttentions,
    Seq2SeqLMOutput,
)
from transformers.models.bart.modeling_bart import shift_tokens_right
from transformers.utils.generic import can_return_tuple, merge_with_config_defaults
from transformers.utils.output_capturing import OutputRecorder, capture_outputs

from models.classic.date_reading import demand_date
from models.classic.transformer_layers import (
    MODEL_TYPE,
    CrossAttention,
    CrossConfig,
    CrossDecoderLayer,
    CrossEncoderLayer,
    sinusoidal_positions,
)


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

    @staticmethod
    def demand_readable(text: str) -> None:
        """Raise BadText for what is no date."""
        demand_date(text)

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
