"""What a model that reads dates answers, many texts at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float32
from torch import Tensor
from transformers import PreTrainedModel

from models.classic.characters import ALPHABET, END_ID, START_ID
from models.classic.dates import DateExample
from models.classic.training import as_batch

_AT_ONCE = 250
ANSWER_LENGTH = 12


@dataclass(frozen=True, slots=True)
class DateAnswer:
    """What a model wrote for one text. pattern: weights of its last (or only) attention on the text, [target, source]."""

    text: str
    written: str
    pattern: Float32[Tensor, "target source"] | None


@torch.inference_mode()
def answers(module: PreTrainedModel, texts: Sequence[str], **how: Any) -> tuple[DateAnswer, ...]:
    """Greedy answers. how: what a model's forward is told besides (`choice` of hard attention)."""
    found: dict[int, DateAnswer] = {}
    order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
    for start in range(0, len(order), _AT_ONCE):
        numbers = order[start : start + _AT_ONCE]
        made = _answer_batch(module, [texts[number] for number in numbers], how)
        found |= dict(zip(numbers, made, strict=True))
    return tuple(found[number] for number in range(len(texts)))


def _answer_batch(module: Any, texts: list[str], how: dict[str, Any]) -> list[DateAnswer]:
    batch = as_batch([DateExample(text, "", ()) for text in texts])
    read = module.get_encoder()(input_ids=batch.input_ids, attention_mask=batch.attention_mask)
    ids, state, patterns = torch.full((len(texts), 1), START_ID), None, []
    for _ in range(ANSWER_LENGTH):
        step = module(
            encoder_outputs=read,
            attention_mask=batch.attention_mask,
            decoder_input_ids=ids[:, -1:],
            past_key_values=state,
            use_cache=True,
            output_attentions=True,
            **how,
        )
        state = step.past_key_values
        patterns.append(step.cross_attentions[-1].mean(1)[:, 0] if step.cross_attentions else None)
        ids = torch.cat([ids, step.logits[:, -1:].argmax(-1)], dim=1)
    looked = None if patterns[0] is None else torch.stack([one for one in patterns if one is not None], dim=1)
    return [
        _as_answer(text, row, None if looked is None else looked[number])
        for number, (text, row) in enumerate(zip(texts, ids[:, 1:].tolist(), strict=True))
    ]


def _as_answer(text: str, ids: list[int], pattern: Tensor | None) -> DateAnswer:
    length = ids.index(END_ID) if END_ID in ids else len(ids)
    written = "".join(ALPHABET[number - 4] if number >= 4 else "·" for number in ids[:length])
    looked = None if pattern is None else pattern[:length, : len(text) + 1].float()
    return DateAnswer(text, written, looked)
