"""What a latent cache costs in perplexity, and what making one costs in time, on books the latents were not fitted to."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

import models
from models.conversion.calibration import CHARACTERS_PER_TOKEN, excerpt, token_row
from models.conversion.latent_cache import cache_bytes
from models.shape.cache_size import cache_bytes_per_token, cache_elements_per_token_and_layer
from models.shape.family import CONTEXT
from models.training.texts import read_text
from models.training.validation import validation_loss
from tests.benchmarks.report import Line

TARGET_SHARE, MOST_PERPLEXITY, MOST_SECONDS = 0.5, 1.2, 180.0


@dataclass(frozen=True, slots=True)
class Plan:
    """model: what is converted; shares: of its cache that the latents take; windows: of 512 tokens, to measure on."""

    model: str
    shares: tuple[float, ...]
    calibration_tokens: int
    windows: int


FULL = Plan("smollm2-135m", (0.83, 0.67, 0.5, 0.33, 0.25), 16_384, 16)
QUICK = Plan("family-gqa", (0.5,), 1024, 2)


def conversion(corpus: Path, valid: Path, plan: Plan) -> Iterator[Line]:
    """Perplexity of converted models over the original's, on the same windows; the time one conversion takes."""
    model = models.load(plan.model, "cpu", "float32")
    text = excerpt(read_text(corpus), CHARACTERS_PER_TOKEN * plan.calibration_tokens)
    rows = _windows(model, read_text(valid), plan.windows)
    original = validation_loss(model.module, rows, 4)
    yield Line(f"{plan.model}, perplexity on {rows.numel():,} tokens", math.exp(original))
    full = cache_elements_per_token_and_layer(model.geometry)
    started = time.perf_counter()
    spectra = models.latent_spectra(model, text, max_tokens=plan.calibration_tokens)
    seen = spectra.calibration.tokens
    yield Line("calibration and spectra, once for all shares", time.perf_counter() - started, "s")
    taken = time.perf_counter() - started
    for share in plan.shares:
        started = time.perf_counter()
        made = models.convert_to_mla(model, models.ranks_for_share(model, share), spectra)
        seconds = taken + time.perf_counter() - started
        loss = validation_loss(made.module, rows, 4)
        rank, goal = made.geometry.kv_lora_rank, share == TARGET_SHARE
        of = f"cache {cache_elements_per_token_and_layer(made.geometry) / full:.1%} (latents of {rank} of {full} numbers)"
        yield Line(f"{of}: perplexity", math.exp(loss), note=f"{seen:,} calibration tokens")
        most = MOST_PERPLEXITY if goal else None
        yield Line(f"{of}: perplexity / original", math.exp(loss - original), at_most=most)
        most = MOST_SECONDS if goal else None
        yield Line(f"{of}: conversion, calibration included", seconds, "s", at_most=most)
        if goal:
            yield _bytes(made, rows[:1])


def _windows(model: models.AttentionModel, text: str, count: int) -> Tensor:
    """int64 [window, pos], spread over the text."""
    row = token_row(model, [excerpt(text, CHARACTERS_PER_TOKEN * CONTEXT * count)])
    whole = row[: len(row) // CONTEXT * CONTEXT].view(-1, CONTEXT)
    return whole[torch.linspace(0, len(whole) - 1, min(count, len(whole))).long()]


@torch.inference_mode()
def _bytes(model: models.AttentionModel, ids: Tensor) -> Line:
    kept = model.module(ids, use_cache=True).past_key_values
    return Line(
        "cache of that model, counted from its tensors",
        cache_bytes(kept) / ids.numel(),
        "B a token",
        predicted=cache_bytes_per_token(model.geometry, torch.float32),
        formula="kv_rank x layers x 4",
    )
