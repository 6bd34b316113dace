"""What happens when a part of the latents is switched off, worked out once for all visitors: found by text and cut."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
from torch import Tensor

import models
from models.look.pattern_changes import pattern_change
from models.progress import Progress, part
from models.run.latent_tap import latent_layers, rotary_width
from viz import latent_cuts, services
from viz.figures.atlas import Atlas, make_atlas
from viz.latent_cuts import Parts
from viz.services import Request
from viz.services.kept import Kept, results

SMALL_FLOPS = 1e11  # what a page may do unasked: a second or two on two cores


@dataclass(frozen=True, slots=True)
class CutEffect:
    """One text's run with a part of the latents off.

    loss: [pos], nats per token; None where the model predicts no tokens, and `no_loss` says why. change: [layer, head], the
    share of each head's attention that went elsewhere, 0 to 1. atlas: the picture of all heads in this run.
    """

    run: models.Capture
    loss: Tensor | None
    no_loss: str
    change: Tensor
    atlas: Atlas


@dataclass(frozen=True, slots=True)
class LayerWorth:
    """How far a text's mean loss rises, in nats per token, with parts of the latents off.

    layers: those that keep latents. whole, rotary: with one layer's latent or rotary key off, a number a layer; NaN where a
    layer has no rotary key of its own. kept, few: with all but the `kept` strongest directions off in every layer.
    """

    layers: tuple[int, ...]
    whole: tuple[float, ...]
    rotary: tuple[float, ...]
    kept: tuple[int, ...]
    few: tuple[float, ...]


@st.cache_resource(show_spinner=False)
def _effects() -> Kept[CutEffect]:
    return Kept(results())


@st.cache_resource(show_spinner=False)
def _worths() -> Kept[LayerWorth]:
    return Kept(results())


def is_effect_known(request: Request, parts: Parts) -> bool:
    return (request, parts) in _effects()


def cut_effect(
    request: Request, run: models.Capture, parts: Parts, progress: Progress = models.no_progress
) -> CutEffect:
    """What switching `parts` off does to the text whose run, with nothing off, is `run`. Raises HeadlightError."""
    return _effects().get((request, parts), lambda: _work_out(request, run, parts, progress), progress)


def _work_out(request: Request, run: models.Capture, parts: Parts, progress: Progress) -> CutEffect:
    model = services.model_of(request)
    progress("Finding what is to be switched off", 0.0)
    cuts = latent_cuts.engine_cuts(run, parts)
    progress("Running the text without it", 0.1)
    after = models.capture(model, request.text, latents_off=cuts, max_tokens=request.max_tokens)
    tiles = after.tiles(services.TILE, progress=part(progress, 0.4, 0.6))
    change = pattern_change(run, after, progress=part(progress, 0.6, 0.8))
    progress("Measuring the loss", 0.8)
    loss, no_loss = None, ""
    try:
        loss = models.token_loss(model, request.text, latents_off=cuts, max_tokens=request.max_tokens)
    except models.BadSelection as error:
        no_loss = str(error)
    heads = [after.heads(layer) for layer in range(after.layers())]
    return CutEffect(after, loss, no_loss, change, make_atlas(tiles.numpy(), heads))


def is_worth_known(request: Request) -> bool:
    return request in _worths()


def worth_passes(run: models.Capture) -> int:
    """How many passes over the text `layer_worth` takes."""
    return 1 + 2 * run.layers() + len(_kept(run))


def is_worth_quick(request: Request, run: models.Capture) -> bool:
    """Whether these passes may run unasked; formula: 2 operations a weight and token."""
    weights = sum(weight.numel() for weight in services.model_of(request).module.parameters())
    return 2 * weights * len(run.tokens) * worth_passes(run) < SMALL_FLOPS


def layer_worth(request: Request, run: models.Capture, progress: Progress = models.no_progress) -> LayerWorth:
    """What the latents are worth on the request's text, whose run with nothing off is `run`. Raises HeadlightError."""
    return _worths().get(request, lambda: _weigh(request, run, progress), progress)


def _weigh(request: Request, run: models.Capture, progress: Progress) -> LayerWorth:
    model = services.model_of(request)
    before = services.token_loss(request)[1:].mean()
    layers, kept = latent_layers(model), _kept(run)

    def rise(cuts: tuple[models.LatentCut, ...]) -> float:
        loss = models.token_loss(model, request.text, latents_off=cuts, max_tokens=request.max_tokens)
        return (loss[1:].mean() - before).item()

    whole, rotary, few = [], [], []
    for place, (layer, module) in enumerate(layers.items()):
        progress(f"Switching layer {layer} off", 0.7 * place / len(layers))
        whole.append(rise((models.LatentCut(layer, whole=True),)))
        has_key = bool(rotary_width(module))
        rotary.append(rise((models.LatentCut(layer, rotary=True),)) if has_key else float("nan"))
    for place, count in enumerate(kept):
        progress(f"Keeping {count} directions", 0.7 + 0.3 * place / len(kept))
        few.append(rise(latent_cuts.engine_cuts(run, latent_cuts.read(f"*:o{count}"))))
    return LayerWorth(tuple(layers), tuple(whole), tuple(rotary), kept, tuple(few))


def _kept(run: models.Capture) -> tuple[int, ...]:
    """1, 2, 4, ... directions, up to all that the text can use of the narrowest latent."""
    shapes = (run.kv_latent(layer).shape for layer in range(run.layers()) if run.has_latents(layer))
    most = min(min(shape) for shape in shapes)
    return tuple(2**power for power in range(most.bit_length()))
