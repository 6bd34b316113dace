"""Let a model go on writing: one token at a time, streamed, stopped by closing the iterator.

An own loop, because transformers' generate draws from the process-wide random state, which all visitors share.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from models.errors import BadSelection
from models.inputs import Encoded, decoder_start, encode
from models.model import AttentionModel


def stream(
    model: AttentionModel, text: str, new_tokens: int, temperature: float = 0.0, seed: int = 0
) -> Iterator[str]:
    """Yield the continuation of a text as pieces of text; for an encoder-decoder, its answer to the text.

    temperature: 0 takes the likeliest token each time, above it draws from softmax(logits / temperature) with `seed`.
    Pieces are held back until they are whole characters. Raises BadText, BadSelection.
    """
    if model.geometry.role == "encoder":
        raise BadSelection(f"{model.name} is an encoder and cannot continue a text; choose a decoder.")
    if temperature < 0:
        raise BadSelection(f"The temperature must be 0 or more, but {temperature} came.")
    given = encode(model, text)
    written: list[int] = []
    shown = ""
    for token in token_ids(model, given, new_tokens, temperature, seed):
        written.append(token)
        whole = str(model.tokenizer.decode(written, skip_special_tokens=True))
        if whole.endswith("\ufffd") and len(written) < new_tokens:
            continue
        yield whole[len(shown) :]
        shown = whole


def write_target(model: AttentionModel, given: Encoded, new_tokens: int) -> list[int]:
    """What an encoder-decoder greedily answers to a source, with its start token in front."""
    return [decoder_start(model), *token_ids(model, given, new_tokens)]


def token_ids(
    model: AttentionModel, given: Encoded, new_tokens: int, temperature: float = 0.0, seed: int = 0
) -> Iterator[int]:
    """Token ids that follow, up to the model's end token, its context or `new_tokens`."""
    generator = torch.Generator().manual_seed(seed)
    step = (
        _seq2seq_steps(model, given)
        if model.geometry.role == "encoder-decoder"
        else _decoder_steps(model, given)
    )
    ends = _end_tokens(model)
    logits = next(step)
    used = 1 if model.geometry.role == "encoder-decoder" else len(given.ids["text"])
    limit = new_tokens if model.geometry.context is None else min(new_tokens, model.geometry.context - used)
    for count in range(1, limit + 1):
        token = _choose(logits, temperature, generator)
        if token in ends:
            return
        yield token
        if count < limit:
            logits = step.send(token)


@torch.inference_mode()
def _decoder_forward(model: AttentionModel, **inputs) -> tuple[Tensor, object]:
    output = model.module(use_cache=True, **inputs)
    return output.logits[0, -1], output.past_key_values


def _decoder_steps(model: AttentionModel, given: Encoded):
    """Coroutine: takes a token id, gives the next logits [vocab]."""
    logits, cache = _decoder_forward(model, input_ids=given.inputs["input_ids"])
    while True:
        token = yield logits
        ids = torch.tensor([[token]], device=model.device)
        logits, cache = _decoder_forward(model, input_ids=ids, past_key_values=cache)


def _seq2seq_steps(model: AttentionModel, given: Encoded):
    with torch.inference_mode():
        encoded = model.module.get_encoder()(**given.inputs)
    mask = given.inputs["attention_mask"]
    token, cache = decoder_start(model), None
    while True:
        ids = torch.tensor([[token]], device=model.device)
        logits, cache = _decoder_forward(
            model, encoder_outputs=encoded, attention_mask=mask, decoder_input_ids=ids, past_key_values=cache
        )
        token = yield logits


def _choose(logits: Tensor, temperature: float, generator: torch.Generator) -> int:
    if temperature == 0:
        return int(logits.argmax())
    probabilities = torch.softmax(logits.float().cpu() / temperature, dim=-1)
    return int(torch.multinomial(probabilities, 1, generator=generator))


def _end_tokens(model: AttentionModel) -> set[int]:
    config = getattr(model.module, "generation_config", None)
    ends = getattr(config, "eos_token_id", None)
    listed = ends if isinstance(ends, list) else [ends]
    return {int(token) for token in [*listed, model.tokenizer.eos_token_id] if token is not None}
