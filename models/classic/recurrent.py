"""What the recurrent models share: a GRU that reads a text in both directions, and a GRU that writes another, step by step.

How the writer looks at what was read is left to an attention: soft.py, hard.py, local.py; or it looks at nothing but the
last states of the reader, as bottleneck.py does. Source: Bahdanau et al. 2014 (arXiv 1409.0473), section 3 and appendix A,
less the maxout of the readout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from huggingface_hub.dataclasses import strict
from torch import Tensor, nn
from transformers import GenerationConfig, GenerationMixin, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput, Seq2SeqLMOutput

from models.classic.characters import ALPHABET, END_ID, PAD_ID, START_ID
from models.classic.date_reading import demand_date
from models.classic.dates import LONGEST
from models.run.own_call import OwnCall
from models.shape.attention_geometry import Form


@strict
class RecurrentConfig(PreTrainedConfig):
    """hidden_size: of the writer's state, and of one annotation (both directions together)."""

    attention_form: ClassVar[Form]

    vocab_size: int = 4 + len(ALPHABET)
    embedding_size: int = 32
    hidden_size: int = 128
    attention_size: int = 64
    max_position_embeddings: int = LONGEST + 1  # characters of a text and its end mark
    num_attention_heads: int = 1
    num_hidden_layers: int = 1
    is_encoder_decoder: bool = True
    tie_word_embeddings: bool = False
    pad_token_id: int | None = PAD_ID
    bos_token_id: int | None = START_ID
    eos_token_id: int | list[int] | None = END_ID
    decoder_start_token_id: int | None = START_ID

    def validate_shape(self) -> None:
        """Part of `@strict`'s validation: what these classes are, whatever a file says."""
        shape = (self.is_encoder_decoder, self.num_attention_heads, self.num_hidden_layers)
        if shape != (True, 1, 1) or self.hidden_size % 2:
            raise ValueError(
                "this is an encoder-decoder with one head in one layer and a hidden_size of two directions, but the config "
                f"says {shape} and {self.hidden_size}"
            )


class Source(NamedTuple):
    """What was read of a batch of texts.

    annotations: [batch, source, hidden]; mask: bool [batch, source], False at padding; keys: what an attention works out of the
    annotations once for all steps, [batch, source, attention].
    """

    annotations: Tensor
    mask: Tensor
    keys: Tensor


class Look(NamedTuple):
    """What one step reads. weights: [batch, source]; context: [batch, hidden]."""

    weights: Tensor
    context: Tensor


@dataclass(frozen=True, slots=True)
class Written:
    """Where a writer stands. state: [batch, hidden]; steps: how many characters it has read of the target."""

    state: Tensor
    steps: int


class Reader(nn.Module):
    """A bidirectional GRU: an annotation of every character, from what stands before it and what stands behind."""

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.vocab_size, config.embedding_size)
        self.gru = nn.GRU(
            config.embedding_size, config.hidden_size // 2, batch_first=True, bidirectional=True
        )

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, **unused: Any
    ) -> BaseModelOutput:
        """input_ids: [batch, source]; attention_mask: 1 where there is a character, padding behind."""
        mask = input_ids.new_ones(input_ids.shape) if attention_mask is None else attention_mask
        # packed, so that the direction which begins at the end does not begin in padding
        packed = nn.utils.rnn.pack_padded_sequence(
            self.embedding(input_ids), mask.sum(1).cpu(), batch_first=True, enforce_sorted=False
        )
        annotations, _ = nn.utils.rnn.pad_packed_sequence(
            self.gru(packed)[0], batch_first=True, total_length=input_ids.shape[1]
        )
        return BaseModelOutput(last_hidden_state=annotations)


class Attention(nn.Module):
    """How a writer looks at what was read: called before each step with its state [batch, hidden] and the source."""

    stack = "cross"

    def keys(self, annotations: Tensor) -> Tensor:
        """What of the looking does not depend on the step, [batch, source, attention]."""
        raise NotImplementedError


class RecurrentModel(PreTrainedModel, GenerationMixin):
    """Reads a text, writes another; its `attention` is what the models differ in."""

    config_class = RecurrentConfig
    base_model_prefix = ""
    tells_its_attention = True

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__(config)
        self.attention: Attention | None = None
        hidden = config.hidden_size
        self.encoder = Reader(config)
        self.begin = nn.Linear(hidden, hidden)
        self.cell = nn.GRUCell(config.embedding_size + hidden, hidden)
        self.readout = nn.Linear(config.embedding_size + 2 * hidden, config.vocab_size)
        self.generation_config = GenerationConfig(
            decoder_start_token_id=START_ID, eos_token_id=END_ID, pad_token_id=PAD_ID
        )

    def get_encoder(self, modality: str | None = None) -> Reader:
        """What reads the source."""
        return self.encoder

    def get_input_embeddings(self) -> nn.Embedding:
        """One table for what is read and what is written."""
        return self.encoder.embedding

    def get_output_embeddings(self) -> nn.Linear:
        """What gives the characters' logits."""
        return self.readout

    @staticmethod
    def demand_readable(text: str) -> None:
        """Raise BadText for what is no date."""
        demand_date(text)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        encoder_outputs: BaseModelOutput | None = None,
        past_key_values: Written | None = None,
        use_cache: bool = False,
        output_attentions: bool = True,
        **how: Any,
    ) -> Seq2SeqLMOutput:
        """Logits [batch, target, vocab] of what follows each character of the target.

        input_ids [batch, source], or encoder_outputs with its attention_mask; decoder_input_ids [batch, target].
        past_key_values: where an earlier call has come to. how: what a step's attention is told besides; see hard.py.
        """
        assert decoder_input_ids is not None, "a target is needed, be it the start token alone"
        if encoder_outputs is None:
            assert input_ids is not None, "a text is needed, or what was read of one"
            encoder_outputs = self.encoder.forward(input_ids, attention_mask)
        source = self._source(encoder_outputs.last_hidden_state, attention_mask)
        begun = past_key_values or Written(self._first_state(source), 0)
        logits, weights, done = self._write(source, begun, self.encoder.embedding(decoder_input_ids), how)
        return Seq2SeqLMOutput(
            logits=logits,
            past_key_values=done if use_cache else None,  # pyright: ignore[reportArgumentType]
            encoder_last_hidden_state=source.annotations,
            cross_attentions=(weights,) if weights is not None and output_attentions else (),
        )

    def _source(self, annotations: Tensor | None, attention_mask: Tensor | None) -> Source:
        assert annotations is not None, "the encoder gives annotations"
        mask = annotations.new_ones(annotations.shape[:2]) if attention_mask is None else attention_mask
        keys = annotations if self.attention is None else self.attention.keys(annotations)
        return Source(annotations, mask.bool(), keys)

    def _first_state(self, source: Source) -> Tensor:
        return torch.tanh(self.begin(last_states(source)))

    def _write(
        self, source: Source, begun: Written, target: Tensor, how: dict[str, Any]
    ) -> tuple[Tensor, Tensor | None, Written]:
        """target: embedded, [batch, target, embedding]."""
        call = None if self.attention is None else OwnCall()
        state, looks, read = begun.state, [], []
        for step, character in enumerate(target.unbind(1)):
            look = self._look(state, source, how)
            context = (
                look.context
                if call is None
                else call.gated(look.context[:, None, None], begun.steps + step)[:, 0, 0]
            )
            state = self.cell(torch.cat([character, context], dim=-1), state)
            looks.append(look)
            read.append(torch.cat([state, context, character], dim=-1))
        logits, done = self.readout(torch.stack(read, dim=1)), Written(state, begun.steps + target.shape[1])
        if self.attention is None or call is None:
            return logits, None, done
        weights = torch.stack([look.weights for look in looks], dim=1)[:, None]  # one head
        contexts = torch.stack([look.context for look in looks], dim=1)[:, :, None]
        call.tell(self.attention, weights, contexts)
        return logits, weights, done

    def _look(self, state: Tensor, source: Source, how: dict[str, Any]) -> Look:
        attention: Any = self.attention
        return attention(state, source, **how)


def last_states(source: Source) -> Tensor:
    """Where the reader ended in either direction, [batch, hidden]: at the last character, and back at the first."""
    half = source.annotations.shape[-1] // 2
    ends = source.mask.sum(1) - 1
    forward = source.annotations[torch.arange(len(ends), device=ends.device), ends, :half]
    return torch.cat([forward, source.annotations[:, 0, half:]], dim=-1)
