"""Let a model go on writing: one token at a time, streamed, stopped by closing the iterator.

An own loop, because transformers' generate draws from the process-wide random state, which all visitors share.
"""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import Cache

from models.errors import BadSelection
from models.look.generation_settings import next_token
from models.run.cache_modes import CacheBytes, cache_bytes, new_cache
from models.run.head_gates import Heads, gates
from models.run.inputs import Encoded, decoder_start, encode
from models.run.interventions import Gate
from models.run.model import AttentionModel, tokenizing
from models.run.tap import Tap, tapped


@dataclass(frozen=True, slots=True)
class WritingStep:
    """A forward pass of a model that writes: over the whole text at first, then over the token before.

    seconds: until the next token was chosen, everything on the device done. tokens: in the cache behind it; of an
    encoder-decoder, the decoder's. cache: what it takes, None where a model hands out none.
    """

    seconds: float
    tokens: int
    cache: CacheBytes | None


def _unheard(_: WritingStep) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Manner:
    """How a text is written on; see `stream`."""

    temperature: float | None = 0.0
    seed: int = 0
    cache: str | None = None
    heads_off: Heads = ()
    heard: Callable[[WritingStep], None] = _unheard


GREEDILY = Manner()


def stream(
    model: AttentionModel,
    text: str,
    new_tokens: int,
    temperature: float | None = 0.0,
    seed: int = 0,
    *,
    cache: str | None = None,
    heads_off: Heads = (),
    heard: Callable[[WritingStep], None] = _unheard,
) -> Generator[str]:
    """Yield the continuation of a text as pieces of text; for an encoder-decoder, its answer to the text.

    temperature: 0 takes the likeliest token each time; above it draws with `seed` from softmax(logits / temperature), as far
    as the model's generation settings leave tokens (top_k, which is 50 where they don't say, top_p, min_p ...); None leaves
    that to the settings, too (do_sample, temperature). All others are followed in either case, but for beams: the choice is
    that of transformers' generate with num_beams=1.
    Pieces are held back until they are whole characters. cache: how a model with latent attention keeps its past, if not
    as it was loaded: "expanded", "latent", "absorbed" or "auto"; see `new_cache`. heads_off: (layer, head), or a HeadsOff
    that replaces by zeros or means, at every step. heard: is told of each step, before its token. Raises BadText,
    BadSelection.
    """
    if model.geometry.role == "answerer":
        raise BadSelection(
            f"{model.name} answers by one word and writes no text; `capture` gives its answer."
        )
    if model.geometry.role != "encoder-decoder" and "decoder" not in model.plan.stacks:
        raise BadSelection(f"{model.name} looks both ways and cannot continue a text; choose a decoder.")
    if temperature is not None and not 0 <= temperature < math.inf:
        raise BadSelection(
            f"The temperature must be a number from 0 on, but {temperature} came; 0 is the likeliest token."
        )
    given = encode(model, text)
    # Decoded behind the text, since a tokenizer may drop the space that begins what it decodes.
    ids = [] if model.geometry.role == "encoder-decoder" else list(given.ids["text"])
    shown = len(_decode(model, ids))
    for token in token_ids(model, given, new_tokens, Manner(temperature, seed, cache, heads_off, heard)):
        ids.append(token)
        whole = _decode(model, ids).rstrip("\ufffd")  # what a character's first bytes decode to
        if len(whole) > shown:
            yield whole[shown:]
            shown = len(whole)


def _decode(model: AttentionModel, ids: list[int]) -> str:
    with tokenizing(model) as tokenizer:
        return str(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))


def write_target(model: AttentionModel, given: Encoded, new_tokens: int) -> list[int]:
    """What an encoder-decoder greedily answers to a source, with its start token in front."""
    return [decoder_start(model), *token_ids(model, given, new_tokens)]


def token_ids(
    model: AttentionModel, given: Encoded, new_tokens: int, manner: Manner = GREEDILY
) -> Generator[int]:
    """Token ids that follow, up to the model's end token, its context or `new_tokens`.

    Greedily each is the likeliest that the model's generation settings allow, or force: what transformers' generate gives
    with do_sample=False, num_beams=1 and max_new_tokens, without its end token.
    """
    if not model.module.can_generate():
        raise BadSelection(
            f"The weights of {model.name} have no language head, so it cannot write; choose another model, or give the "
            "whole text."
        )
    generator = torch.Generator().manual_seed(manner.seed)
    gated = _step_gates(model, manner.heads_off)
    step = (
        _seq2seq_steps(model, given, gated)
        if model.geometry.role == "encoder-decoder"
        else _decoder_steps(model, given, new_cache(model, manner.cache), gated)
    )
    used = 1 if model.geometry.role == "encoder-decoder" else len(given.ids["text"])
    limit = new_tokens if model.geometry.context is None else min(new_tokens, model.geometry.context - used)
    if limit < 1:
        return
    rule = next_token(model, given, limit, manner.temperature)
    ids = rule.begun
    begun = time.perf_counter()
    logits, held = next(step)
    for count in range(1, limit + 1):
        token = _choose(rule.scores(ids, logits), generator if rule.drawn else None)
        manner.heard(WritingStep(time.perf_counter() - begun, used + count - 1, _bytes_of(held)))
        if token in rule.ends:
            return
        yield token
        begun = time.perf_counter()
        ids = torch.cat([ids, ids.new_tensor([[token]])], dim=1)
        if count < limit:
            logits, held = step.send(token)


def _bytes_of(held: object) -> CacheBytes | None:
    return cache_bytes(held) if isinstance(held, Cache) else None


def _step_gates(model: AttentionModel, off: Heads) -> dict[int, Gate]:
    made = gates(model, off)
    if any(gate.instead is not None and len(gate.instead) > 1 for gate in made.values()):
        raise BadSelection(
            "Outputs on another text end where it ends, so nothing can be written with them; replace by zeros or means."
        )
    return made


@torch.inference_mode()
def _decoder_forward(model: AttentionModel, gated: dict[int, Gate], **inputs) -> tuple[Tensor, object]:
    # The plan counts the encoder's calls before the decoder's; here the decoder runs alone.
    before = sum(site.stack == "encoder" for site in model.plan.sites)
    with tapped(Tap(gates=gated, calls=before)):
        output = model.module(use_cache=True, **inputs)
    return output.logits[0, -1], getattr(output, "past_key_values", None)


def _decoder_steps(model: AttentionModel, given: Encoded, empty: Cache | None, gated: dict[int, Gate]):
    """Coroutine: takes a token id, gives the next logits [vocab] and the cache. empty: to be filled, None for the model's."""
    ids = given.inputs["input_ids"]
    counts = "position_ids" in inspect.signature(model.module.forward).parameters
    filled = {} if empty is None else {"past_key_values": empty}
    logits, cache = _decoder_forward(model, gated, input_ids=ids, **filled)
    while True:
        new = torch.tensor([[(yield logits, cache)]], device=model.device)
        ids = torch.cat([ids, new], dim=1)
        if cache is None:  # the first GPT and RecurrentGemma hand out none: they read the whole text again
            logits, cache = _decoder_forward(model, gated, input_ids=ids)
            continue
        # A hybrid whose first layer has no attention (Bamba) finds no length in its cache and would begin at 0 again.
        place = {"position_ids": torch.full_like(new, ids.shape[1] - 1)} if counts else {}
        logits, cache = _decoder_forward(model, gated, input_ids=new, past_key_values=cache, **place)


def _seq2seq_steps(model: AttentionModel, given: Encoded, gated: dict[int, Gate]):
    with torch.inference_mode(), tapped(Tap(gates=gated)):
        encoded = model.module.get_encoder()(**given.inputs)
    mask = given.inputs["attention_mask"]
    token, cache = decoder_start(model), None
    while True:
        ids = torch.tensor([[token]], device=model.device)
        logits, cache = _decoder_forward(
            model,
            gated,
            encoder_outputs=encoded,
            attention_mask=mask,
            decoder_input_ids=ids,
            past_key_values=cache,
        )
        token = yield logits, cache


def _choose(scores: Tensor, generator: torch.Generator | None) -> int:
    """The likeliest, or one drawn by `generator`."""
    if generator is None:
        return int(scores.argmax())
    return int(torch.multinomial(torch.softmax(scores.cpu(), dim=-1), 1, generator=generator))
