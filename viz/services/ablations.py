"""What happens when heads are switched off, worked out once for all visitors: found by text, heads and replacement."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from dataclasses import dataclass

import streamlit as st
from torch import Tensor

import models
from models.look.pattern_changes import pattern_change
from models.progress import Progress, part
from models.pruning.ablation import Method
from models.pruning.chance import ChanceLoss, chance_ablations
from viz import services
from viz.heads_off import Head
from viz.services import Request
from viz.services.kept import Kept, results
from viz.services.replacements import ReplacedBy, outputs

DRAWS = 5  # of random heads


@dataclass(frozen=True, slots=True)
class Choice:
    """Heads of one stack that are off, and what stands for their outputs. other: for "resample", the title of a sample."""

    stack: str
    off: tuple[Head, ...]
    method: Method = "zero"
    other: str = ""

    @property
    def replaced_by(self) -> ReplacedBy:
        return self.method, self.other if self.method == "resample" else ""


@dataclass(frozen=True, slots=True)
class Effect:
    """The runs with and without the heads. shift: how far every head's pattern moved, float32 [layer, head], 0 to 1."""

    ablation: models.Ablation
    shift: Tensor


@st.cache_resource(show_spinner=False)
def _baselines() -> Kept[models.Baseline]:
    return Kept(results())


@st.cache_resource(show_spinner=False)
def _effects() -> Kept[Effect]:
    return Kept(results())


@st.cache_resource(show_spinner=False)
def _chances() -> Kept[ChanceLoss]:
    return Kept(results())


@st.cache_resource(show_spinner=False)
def _gradients() -> Kept[Tensor]:
    return Kept(results())


def baseline(request: Request, progress: Progress = models.no_progress) -> models.Baseline:
    """The request's run with all heads on and its loss, which ablations are compared to. Raises HeadlightError."""
    return _baselines().get(request, lambda: _baseline(request, progress), progress)


def _baseline(request: Request, progress: Progress) -> models.Baseline:
    run = services.capture(request, part(progress, 0.0, 0.6))
    progress("Measuring the text with all heads on", 0.6)
    model = services.model_of(request)
    most = request.max_tokens
    if model.geometry.role == "encoder-decoder":
        target = request.second if request.second.strip() else None
        made = models.baseline(model, source=request.text, target=target, max_tokens=most)
    elif model.geometry.role == "encoder" and request.second.strip():
        made = models.baseline(model, (request.text, request.second), max_tokens=most)
    else:
        made = models.baseline(model, request.text, max_tokens=most)
    return dataclasses.replace(made, run=run)  # the same numbers, kept once


def is_effect_known(request: Request, choice: Choice) -> bool:
    return _key(request, choice) in _effects()


def effect(request: Request, choice: Choice, progress: Progress = models.no_progress) -> Effect:
    """What switching the heads off does to the request's text. Raises HeadlightError."""
    return _effects().get(_key(request, choice), lambda: _effect(request, choice, progress), progress)


def _effect(request: Request, choice: Choice, progress: Progress) -> Effect:
    model, before = services.model_of(request), baseline(request, part(progress, 0.0, 0.3))
    off = heads_off(request, choice, part(progress, 0.3, 0.5))
    progress("Running the text without the heads", 0.5)
    ablation = models.ablate(model, before, off)
    shift = pattern_change(
        ablation.before, ablation.after, stack=choice.stack, progress=part(progress, 0.8, 0.9)
    )
    ablation.after.tiles(
        services.TILE, choice.stack, progress=part(progress, 0.9, 1.0)
    )  # its scores with it, which the page tells
    return Effect(ablation, shift)


def heads_off(request: Request, choice: Choice, progress: Progress = models.no_progress) -> models.HeadsOff:
    """What the engine is told to switch off. Raises HeadlightError."""
    instead = outputs(request.model, request.device, request.dtype, choice.replaced_by, progress)
    return models.HeadsOff(choice.off, choice.stack, instead)


def is_chance_known(request: Request, choice: Choice) -> bool:
    return _key(request, choice) in _chances()


def chance(request: Request, choice: Choice, progress: Progress = models.no_progress) -> ChanceLoss:
    """What as many random heads of the same layers cost on the same text. Raises HeadlightError."""
    return _chances().get(_key(request, choice), lambda: _chance(request, choice, progress), progress)


def _chance(request: Request, choice: Choice, progress: Progress) -> ChanceLoss:
    off = heads_off(request, choice)
    model, before = services.model_of(request), baseline(request)
    return chance_ablations(model, before, off, DRAWS, reference=off.instead, progress=progress)


def gradients(request: Request, stack: str, progress: Progress = models.no_progress) -> Tensor:
    """Gradient importance of every head on the request's text [layer, head], each layer scaled to a norm of 1."""

    def find() -> Tensor:
        loaded = services.model_of(request)
        return models.gradient_importance(
            loaded, request.text, stack=stack, max_tokens=request.max_tokens, progress=progress
        ).normalized

    return _gradients().get((request, stack), find, progress)


def _key(request: Request, choice: Choice) -> Hashable:
    return request, choice.stack, choice.off, choice.replaced_by
