"""One timed run of a decoder: it reads a prompt of random tokens, then random tokens one by one."""

from __future__ import annotations

import inspect
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import Cache, DynamicLayer, LinearAttentionCacheLayerMixin

from models.errors import BadSelection
from models.progress import Progress
from models.run.cache_modes import CacheBytes, cache_bytes, new_cache
from models.run.default_dtype import default_dtype_kept
from models.run.expanded_cache import GrownLayer
from models.run.interventions import Gate
from models.run.model import AttentionModel
from models.run.tap import Tap, tapped
from models.shape.cache_size import CacheMode

# Tokens of a prompt that are read at once: the scores of a longer piece, where attention writes them down at all, would
# need more memory than all of the rest.
CHUNK = 1024
STEPS_AT_ONCE = 8  # on an accelerator, which would stand still if it were waited for after every token
SEED = 0


@dataclass(frozen=True, slots=True)
class Subject:
    """What runs, and on how much. mode: of the cache, decided. gates: heads that are off, per attention call."""

    model: AttentionModel
    mode: CacheMode
    prompt_tokens: int
    new_tokens: int
    batch: int
    gates: dict[int, Gate]


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds for the prompt and for all new tokens; what the cache held at the end."""

    prefill_s: float
    decode_s: float
    held: CacheBytes


def _random_ids(subject: Subject) -> Tensor:
    """int64 [batch, prompt + new], always the same for the same sizes."""
    size = subject.batch, subject.prompt_tokens + subject.new_tokens
    generator = torch.Generator().manual_seed(SEED)
    return torch.randint(subject.model.geometry.vocab, size, generator=generator).to(subject.model.device)


def empty_cache(model: AttentionModel, mode: str) -> Cache:
    """An empty cache in that mode; without latents, one that grows by blocks like those of latent attention.

    transformers' own is copied whole at every token, which would count against multi-head attention what is none of its
    doing.
    """
    cache = new_cache(model, mode)
    if cache is None:
        cache = DynamicCache(config=model.module.config)
        cache.layers = [GrownLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


@torch.inference_mode()
def run(subject: Subject, told: Progress) -> Run:
    """Read the prompt, then the new tokens; `told` hears the share done while no clock runs, and may raise."""
    ids, cache = _random_ids(subject), empty_cache(subject.model, subject.mode)
    clock, read = _Clock(subject.model.device), 0
    for piece in _pieces(subject, cache):
        told("reading the prompt", read / subject.prompt_tokens / 2)
        clock.start()
        _forward(subject, cache, ids, read, read + piece)
        clock.stop()
        read += piece
    _demand_kept(subject, cache)
    prefill_s, end = clock.seconds, read + subject.new_tokens
    clock = _Clock(subject.model.device)
    at_once = 1 if subject.model.device.type == "cpu" else STEPS_AT_ONCE
    for first in range(read, end, at_once):
        told("writing", 0.5 + (first - read) / subject.new_tokens / 2)
        clock.start()
        for place in range(first, min(first + at_once, end)):
            _forward(subject, cache, ids, place, place + 1)
        clock.stop()
    return Run(prefill_s, clock.seconds, cache_bytes(cache))


def _pieces(subject: Subject, cache: Cache) -> list[int]:
    """How many tokens of the prompt are read at a time; linear attention takes its text from the beginning, whole."""
    prompt = subject.prompt_tokens
    if any(isinstance(layer, LinearAttentionCacheLayerMixin) for layer in cache.layers):
        return [prompt]
    return [min(CHUNK, prompt - start) for start in range(0, prompt, CHUNK)]


def _forward(subject: Subject, cache: Cache, ids: Tensor, start: int, stop: int) -> None:
    accepted = inspect.signature(subject.model.module.forward).parameters
    ids = ids[:, start:stop]
    given: dict[str, Any] = {"input_ids": ids, "past_key_values": cache, "use_cache": True}
    if "position_ids" in accepted:  # a hybrid whose first layer has no attention finds no length in its cache
        given["position_ids"] = torch.arange(start, stop, device=ids.device).expand_as(ids)
    if "logits_to_keep" in accepted:
        given["logits_to_keep"] = 1
    try:
        with tapped(Tap(gates=subject.gates)) if subject.gates else default_dtype_kept():
            subject.model.module(**given)
    except ValueError as error:  # MiniMax takes a cache of its own class alone
        said = str(error).strip().split("\n")[0]
        raise BadSelection(
            f"{subject.model.name} does not run with a cache that can be measured ({said}); choose another model."
        ) from None


def _demand_kept(subject: Subject, cache: Cache) -> None:
    if not any(getattr(layer, "is_initialized", False) for layer in cache.layers):
        raise BadSelection(
            f"{subject.model.name} keeps no cache while it writes, so there is nothing to measure step by step; choose "
            "another model."
        )


class _Clock:
    """Adds up stretches of time: CUDA's own events on CUDA, elsewhere the wall clock, with what was queued waited for."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._cuda = device.type == "cuda"
        self._started: Any = None
        self.seconds = 0.0

    def start(self) -> None:
        wait(self._device)
        self._started = self._event() if self._cuda else time.perf_counter()

    def stop(self) -> None:
        if self._cuda:
            ended = self._event()
            ended.synchronize()
            self.seconds += self._started.elapsed_time(ended) / 1000
            return
        wait(self._device)
        self.seconds += time.perf_counter() - self._started

    def _event(self) -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        return event


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
