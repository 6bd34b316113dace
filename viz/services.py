"""What all visitors share: loaded models and captures, each kept once and bounded in bytes.

Nothing here belongs to one visitor: a result is found by what it was made from (model, device, text), never by who asked.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from typing import cast

import streamlit as st
import torch

import models
from models.conversion.ranks import budget_elements, check_ranks
from models.conversion.source_model import check_source
from models.progress import Progress, part
from viz.bounded_store import BoundedStore
from viz.figures.atlas import Atlas, make_atlas
from viz.forecast import forecast, measured_flops_per_s

GIGABYTE = 2**30
MODEL_BYTES = int(float(os.environ.get("HEADLIGHT_MODEL_GB", "6")) * GIGABYTE)
CAPTURE_BYTES = int(float(os.environ.get("HEADLIGHT_CAPTURE_GB", "2")) * GIGABYTE)
SPECTRA_BYTES = 2**29
TILE = 32


@dataclass(frozen=True, slots=True)
class Request:
    """Everything a capture depends on. second: the pair's other sentence, or an encoder-decoder's target."""

    model: str
    device: str
    text: str
    second: str = ""
    max_tokens: int = 512
    dtype: str = "auto"


@dataclass(frozen=True, slots=True)
class Fitting:
    """Everything that the latents of a model depend on.

    text: what they are fitted to, "" for the text that comes with Headlight; tokens: how many of it are read at most.
    """

    model: str
    device: str
    dtype: str
    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Conversion:
    """Everything that a converted model depends on: the rank of every layer's latent, or a budget.

    budget: bytes per token, shared out over the layers by what they hold.
    """

    fitting: Fitting
    rank: int | None = None
    budget: int | None = None


@st.cache_resource(show_spinner=False)
def _models() -> BoundedStore[models.AttentionModel]:
    return BoundedStore(MODEL_BYTES, lambda model: model.module.get_memory_footprint())


@st.cache_resource(show_spinner=False)
def _captures() -> BoundedStore[models.Capture]:
    return BoundedStore(CAPTURE_BYTES, lambda run: run.nbytes)


@st.cache_resource(show_spinner=False)
def _spectra() -> BoundedStore[models.LatentSpectra]:
    return BoundedStore(SPECTRA_BYTES, _spectra_bytes)


@st.cache_resource(show_spinner=False)
def _token_losses() -> BoundedStore[torch.Tensor]:
    return BoundedStore(16 * 2**20, lambda losses: losses.nbytes)


@st.cache_resource(show_spinner=False)
def _atlases() -> BoundedStore[Atlas]:
    return BoundedStore(64 * 2**20, lambda atlas: len(atlas.png))


def model(
    name: str, device: str, dtype: str = "auto", progress: Progress = models.no_progress
) -> models.AttentionModel:
    """The loaded model, shared; loads it where nobody has. Raises HeadlightError."""
    return _models().get((name, device, dtype), lambda: models.load(name, device, dtype, progress=progress))


def model_of(request: Request, progress: Progress = models.no_progress) -> models.AttentionModel:
    """The model that a request asks for."""
    return model(request.model, request.device, request.dtype, progress)


def is_captured(request: Request) -> bool:
    return request in _captures()


def capture(request: Request, progress: Progress = models.no_progress) -> models.Capture:
    """The capture of a request with its overview worked out. Raises HeadlightError."""
    return _captures().get(request, lambda: _run(request, progress))


def _run(request: Request, progress: Progress) -> models.Capture:
    loaded = model_of(request, part(progress, 0.0, 0.5))
    tokens = models.count_tokens(loaded, request.text, request.max_tokens)
    progress(forecast(loaded, tokens, _flops_per_s(str(loaded.device))).sentence, 0.5)
    run = _capture(loaded, request)
    for stack in run.stacks:
        run.tiles(TILE, stack, part(progress, 0.7, 1.0))
    return run


@st.cache_resource(show_spinner=False)
def _flops_per_s(device: str) -> float:
    return measured_flops_per_s(torch.device(device))


def _capture(loaded: models.AttentionModel, request: Request) -> models.Capture:
    if loaded.geometry.role == "encoder-decoder":
        target = request.second if request.second.strip() else None
        return models.capture(loaded, source=request.text, target=target, max_tokens=request.max_tokens)
    paired = loaded.geometry.role == "encoder" and request.second.strip()
    text = (request.text, request.second) if paired else request.text
    return models.capture(loaded, text, max_tokens=request.max_tokens)


def token_loss(request: Request, heads_off: tuple[tuple[int, int], ...] = ()) -> torch.Tensor:
    """Loss of each token of a request's text, float32 [pos]; see models.token_loss. Raises HeadlightError."""
    off = tuple(sorted(set(heads_off)))
    return _token_losses().get(
        (request, off),
        lambda: models.token_loss(
            model_of(request), request.text, heads_off=off, max_tokens=request.max_tokens
        ),
    )


def atlas(request: Request, run: models.Capture, stack: str) -> Atlas:
    """The picture of all heads of a stack."""
    heads = [run.heads(layer, stack) for layer in range(run.layers(stack))]
    return _atlases().get((request, stack), lambda: make_atlas(run.tiles(TILE, stack).numpy(), heads))


def spectra(fitting: Fitting, progress: Progress = models.no_progress) -> models.LatentSpectra:
    """What latents of a model would hold, shared by conversions to any size. Raises HeadlightError."""
    return _spectra().get(fitting, lambda: _fit(fitting, progress))


def has_spectra(fitting: Fitting) -> bool:
    return fitting in _spectra()


def _fit(fitting: Fitting, progress: Progress) -> models.LatentSpectra:
    original = model(fitting.model, fitting.device, fitting.dtype, part(progress, 0.0, 0.1))
    texts = fitting.text or None
    return models.latent_spectra(
        original, texts, max_tokens=fitting.tokens, progress=part(progress, 0.1, 1.0)
    )


def _spectra_bytes(found: models.LatentSpectra) -> int:
    layers = [getattr(layer, field.name) for layer in found.layers for field in fields(layer)]
    seen = [getattr(layer, field.name) for layer in found.calibration.layers for field in fields(layer)]
    return sum(tensor.nbytes for tensor in (*layers, *seen))


def converted(conversion: Conversion, progress: Progress = models.no_progress) -> models.AttentionModel:
    """The model that a conversion makes. Raises HeadlightError, for a size that there is not before anything is worked out."""
    return _models().get(conversion, lambda: convert(conversion, progress))


def convert(conversion: Conversion, progress: Progress = models.no_progress) -> models.AttentionModel:
    """The same, made anew and kept nowhere."""
    fitting = conversion.fitting
    original = model(fitting.model, fitting.device, fitting.dtype)
    check_source(original)
    if conversion.budget is None:
        check_ranks(original, cast(int, conversion.rank))
    else:
        budget_elements(original, conversion.budget)
    found = spectra(fitting, part(progress, 0.0, 0.9))
    ranks = conversion.rank
    if conversion.budget is not None:
        ranks = models.ranks_for_budget(original, conversion.budget, found)
    return models.convert_to_mla(original, cast(int, ranks), found, progress=part(progress, 0.9, 1.0))


def is_converted(conversion: Conversion, request: Request) -> bool:
    return conversion in _models() and (conversion, request) in _captures()


def converted_capture(
    conversion: Conversion, request: Request, progress: Progress = models.no_progress
) -> models.Capture:
    """What the converted model does with a request's text. Raises HeadlightError."""
    return _captures().get((conversion, request), lambda: _run_converted(conversion, request, progress))


def _run_converted(conversion: Conversion, request: Request, progress: Progress) -> models.Capture:
    made = converted(conversion, part(progress, 0.0, 0.9))
    progress(f"Reading the text with {made.name}", 0.9)
    run = _capture(made, request)
    run.tiles(TILE, run.stack, part(progress, 0.9, 1.0))
    return run
