"""What all visitors share: loaded models and captures, each kept once and bounded in bytes.

Nothing here belongs to one visitor: a result is found by what it was made from (model, device, text), never by who asked.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
import torch

import models
from models.progress import Progress, part
from viz.figures.atlas import Atlas, make_atlas
from viz.services.forecast import forecast, measured_flops_per_s
from viz.services.kept import Kept, held_by_model, loaded, results
from viz.services.lanes import turn
from viz.services.settled import settle

TILE = 32


@dataclass(frozen=True, slots=True)
class Request:
    """Everything a capture depends on. second: the pair's other sentence, or an encoder-decoder's target.

    source_language, target_language: of a multilingual translator; a model that does not know them takes its own.
    """

    model: str
    device: str
    text: str
    second: str = ""
    max_tokens: int = 512
    dtype: str = "auto"
    source_language: str = ""
    target_language: str = ""


@st.cache_resource(show_spinner=False)
def model_store() -> Kept[models.AttentionModel]:
    """Loaded models by name, device and number format, and converted ones by what they were made from."""
    return Kept(loaded(), held_by_model)


@st.cache_resource(show_spinner=False)
def capture_store() -> Kept[models.Capture]:
    """Captures by their request, and those of converted models by conversion and request."""
    return Kept(results())


@st.cache_resource(show_spinner=False)
def _token_losses() -> Kept[torch.Tensor]:
    return Kept(results())


@st.cache_resource(show_spinner=False)
def _rollouts() -> Kept[torch.Tensor]:
    return Kept(results())


@st.cache_resource(show_spinner=False)
def _atlases() -> Kept[Atlas]:
    return Kept(results())


def model(
    name: str, device: str, dtype: str = "auto", progress: Progress = models.no_progress
) -> models.AttentionModel:
    """The loaded model, shared; loads it where nobody has. Raises HeadlightError."""

    def load() -> models.AttentionModel:
        loaded = models.load(name, device, dtype, progress=progress)
        settle()
        return loaded

    return model_store().get((name, device, dtype), load, progress)


def model_of(request: Request, progress: Progress = models.no_progress) -> models.AttentionModel:
    """The model that a request asks for, in the languages that it asks for."""
    loaded = model(request.model, request.device, request.dtype, progress)
    wanted = request.source_language, request.target_language
    known = models.languages(loaded) if any(wanted) else None
    if known is None:
        return loaded
    return models.with_languages(loaded, *(code if code in known.ids else "" for code in wanted))


def is_captured(request: Request) -> bool:
    return request in capture_store()


def capture(request: Request, progress: Progress = models.no_progress) -> models.Capture:
    """The capture of a request with its overview worked out. Raises HeadlightError."""
    return capture_store().get(request, lambda: _run(request, progress), progress)


def _run(request: Request, progress: Progress) -> models.Capture:
    loaded = model_of(request, part(progress, 0.0, 0.5))
    tokens = models.count_tokens(loaded, request.text, max_tokens=request.max_tokens)
    progress(forecast(loaded, tokens, flops_per_s(str(loaded.device))).sentence, 0.5)
    with turn(part(progress, 0.5, 0.6)):
        run = _capture(loaded, request)
        for stack in run.stacks:
            run.tiles(TILE, stack, progress=part(progress, 0.7, 1.0))
    return run


@st.cache_resource(show_spinner=False)
def flops_per_s(device: str) -> float:
    """Speed of this device, measured once."""
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


def rollout(request: Request, run: models.Capture, stack: str) -> torch.Tensor:
    """Attention rollout of the request's capture; see models.Capture.rollout. Raises BadSelection."""
    return _rollouts().get((request, stack), lambda: run.rollout(stack))


def atlas(request: Request, run: models.Capture, stack: str) -> Atlas:
    """The picture of all heads of a stack."""
    heads = [run.heads(layer, stack) for layer in range(run.layers(stack))]
    return _atlases().get((request, stack), lambda: make_atlas(run.tiles(TILE, stack).numpy(), heads))
