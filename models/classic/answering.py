"""What a model that reads dates answers, many texts at once, and where it looked at each step."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float32
from torch import Tensor
from transformers import PreTrainedModel

from models.classic.characters import ALPHABET, END_ID, START_ID
from models.classic.dates import DateExample
from models.classic.training import FIRST_CHARACTER, as_batch
from models.errors import BadSelection
from models.run.default_dtype import default_dtype_kept
from models.run.inputs import listed_texts
from models.run.model import AttentionModel
from models.run.own_call import tells_its_attention

_AT_ONCE = 250
_LONGEST_ANSWER = 12
UNWRITABLE = "·"  # stands for a mark that is no character


@dataclass(frozen=True, slots=True)
class DateAnswer:
    """What a model wrote for a text.

    probabilities: [target], what the model gave each written character, its end mark among them. patterns: weights from each of
    them to the text and its end mark, [layer, head, target, source]; without layers where the model has no attention.
    """

    text: str
    written: str
    probabilities: Float32[Tensor, " target"]
    patterns: Float32[Tensor, "layer head target source"]


def answer_dates(model: AttentionModel, texts: str | Sequence[str]) -> tuple[DateAnswer, ...]:
    """What one of the models that read dates writes for one text or several. Raises BadText, BadSelection."""
    demand = getattr(model.module, "demand_readable", None)
    if demand is None or model.geometry.role != "encoder-decoder":
        raise BadSelection(
            f"{model.name} was not trained to read dates; choose classic-soft or another of its kind."
        )
    given = listed_texts(texts)
    for text in given:
        demand(text)
    return written_dates(reporting(model.module), given)


def reporting(module: PreTrainedModel) -> PreTrainedModel:
    """A module with the same weights that reports its attention: itself, or a twin with transformers' eager attention."""
    if tells_its_attention(module) or module.config._attn_implementation == "eager":
        return module
    config = copy.deepcopy(module.config)
    config._attn_implementation = "eager"  # pyright: ignore[reportPrivateUsage]
    twin = type(module)(config)
    twin.load_state_dict(module.state_dict(), assign=True)  # which puts it where the module is
    twin.tie_weights()
    return twin.eval().requires_grad_(False)


@torch.no_grad()
def written_dates(module: PreTrainedModel, texts: Sequence[str], **how: Any) -> tuple[DateAnswer, ...]:
    """The likeliest character each time, of texts that were checked.

    module: see `reporting`. how: what its forward is told besides (`choice` of hard attention).
    """
    found: dict[int, DateAnswer] = {}
    order = sorted(range(len(texts)), key=lambda number: len(texts[number]))  # little padding
    with default_dtype_kept():
        for start in range(0, len(order), _AT_ONCE):
            numbers = order[start : start + _AT_ONCE]
            made = _answer_batch(module, [texts[number] for number in numbers], how)
            found |= dict(zip(numbers, made, strict=True))
    return tuple(found[number] for number in range(len(texts)))


def _answer_batch(module: Any, texts: list[str], how: dict[str, Any]) -> list[DateAnswer]:
    batch = as_batch([DateExample(text, "", ()) for text in texts])
    mask = batch.attention_mask.to(module.device)
    read = module.get_encoder()(input_ids=batch.input_ids.to(module.device), attention_mask=mask)
    ids, past, looked, likely = mask.new_full((len(texts), 1), START_ID), None, [], []
    for _ in range(_LONGEST_ANSWER):
        step = module(
            encoder_outputs=read,
            attention_mask=mask,
            decoder_input_ids=ids[:, -1:],
            past_key_values=past,
            use_cache=True,
            output_attentions=True,
            **how,
        )
        past = step.past_key_values
        looked.append(_stacked(step.cross_attentions, mask).cpu())
        best = torch.softmax(step.logits[:, -1:].float(), dim=-1).max(-1)
        likely.append(best.values.cpu())
        ids = torch.cat([ids, best.indices], dim=1)
    patterns = torch.cat(looked, dim=3)
    rows = zip(texts, ids[:, 1:].tolist(), torch.cat(likely, dim=1), patterns, strict=True)
    return [_as_answer(*row) for row in rows]


def _stacked(patterns: Sequence[Tensor], mask: Tensor) -> Tensor:
    """[batch, layer, head, 1, source]."""
    if not patterns:
        return torch.zeros(len(mask), 0, 1, 1, mask.shape[1], dtype=torch.float32)
    return torch.stack([layer.float() for layer in patterns], dim=1)


def _as_answer(text: str, ids: list[int], likely: Tensor, patterns: Tensor) -> DateAnswer:
    length = ids.index(END_ID) if END_ID in ids else len(ids)
    written = "".join(
        ALPHABET[number - FIRST_CHARACTER] if number >= FIRST_CHARACTER else UNWRITABLE
        for number in ids[:length]
    )
    rows = length + 1
    return DateAnswer(text, written, likely[:rows].clone(), patterns[:, :, :rows, : len(text) + 1].clone())
