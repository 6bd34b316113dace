"""What all visitors share of the page Convert: spectra, converted models, and what they do with a text.

Like viz/services/runs.py: a result is found by what it was made from, is made once, and is kept within a number of bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import streamlit as st
import torch

import models
from models.conversion.decoupled_model import check_decoupled
from models.conversion.ranks import Rope, budget_elements, check_ranks
from models.conversion.source_model import check_source
from models.progress import Progress, part
from viz import services
from viz.figures.atlas import Atlas, make_atlas
from viz.services import TILE, Request, saved_models
from viz.services.kept import Kept, results


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

    budget: bytes per token, shared out over the layers by what they hold. rope: see models.convert_to_mla; where the rotary
    key is decoupled, rank counts its numbers too.
    """

    fitting: Fitting
    rank: int | None = None
    budget: int | None = None
    rope: Rope = "latent"


@st.cache_resource(show_spinner=False)
def _spectra() -> Kept[models.LatentSpectra]:
    return Kept(results())


@st.cache_resource(show_spinner=False)
def _pattern_changes() -> Kept[torch.Tensor]:
    return Kept(results())


@st.cache_resource(show_spinner=False)
def _change_atlases() -> Kept[Atlas]:
    return Kept(results())


def spectra(fitting: Fitting, progress: Progress = models.no_progress) -> models.LatentSpectra:
    """What latents of a model would hold, shared by conversions to any size. Raises HeadlightError."""
    return _spectra().get(fitting, lambda: _fit(fitting, progress), progress)


def has_spectra(fitting: Fitting) -> bool:
    return fitting in _spectra()


def _fit(fitting: Fitting, progress: Progress) -> models.LatentSpectra:
    original = services.model(fitting.model, fitting.device, fitting.dtype, part(progress, 0.0, 0.1))
    texts = fitting.text or None
    return models.latent_spectra(
        original, texts, max_tokens=fitting.tokens, progress=part(progress, 0.1, 1.0)
    )


def converted(conversion: Conversion, progress: Progress = models.no_progress) -> models.AttentionModel:
    """The model that a conversion makes. Raises HeadlightError, for a size that there is not before anything is worked out."""
    return services.model_store().get(conversion, lambda: convert(conversion, progress), progress)


def convert(conversion: Conversion, progress: Progress = models.no_progress) -> models.AttentionModel:
    """The same, made anew and kept nowhere."""
    fitting = conversion.fitting
    original = services.model(*_place(conversion))
    check_source(original)
    if conversion.rope == "decoupled":
        check_decoupled(original)
    if conversion.budget is None:
        check_ranks(original, cast(int, conversion.rank), conversion.rope)
    else:
        budget_elements(original, conversion.budget)
    found = spectra(fitting, part(progress, 0.0, 0.9))
    ranks = conversion.rank
    if conversion.budget is not None:
        ranks = models.ranks_for_budget(original, conversion.budget, found)
    return models.convert_to_mla(
        original, cast(int, ranks), found, rope=conversion.rope, progress=part(progress, 0.9, 1.0)
    )


def is_converted(conversion: Conversion, request: Request) -> bool:
    return conversion in services.model_store() and (conversion, request) in services.capture_store()


def converted_capture(
    conversion: Conversion, request: Request, progress: Progress = models.no_progress
) -> models.Capture:
    """What the converted model does with a request's text. Raises HeadlightError."""
    return services.capture_store().get(
        (conversion, request), lambda: _run_converted(conversion, request, progress), progress
    )


def _run_converted(conversion: Conversion, request: Request, progress: Progress) -> models.Capture:
    made = converted(conversion, part(progress, 0.0, 0.9))
    progress(f"Reading the text with {made.name}", 0.9)
    run = models.capture(made, request.text, max_tokens=request.max_tokens)
    run.tiles(TILE, run.stack, progress=part(progress, 0.9, 1.0))
    return run


def pattern_change(conversion: Conversion, request: Request) -> torch.Tensor:
    """How much of each head's attention lies elsewhere once the model is converted; see models.pattern_change."""
    return _pattern_changes().get(
        (conversion, request),
        lambda: models.pattern_change(services.capture(request), converted_capture(conversion, request)),
    )


def change_atlas(conversion: Conversion, request: Request) -> Atlas:
    """The picture of what a conversion changed in all heads, on one scale: black where most changed."""
    before, after = services.capture(request), converted_capture(conversion, request)
    return _change_atlases().get(
        (conversion, request),
        lambda: make_atlas((after.tiles(TILE) - before.tiles(TILE)).abs().numpy(), shared=True),
    )


def folder_of(conversion: Conversion) -> Path:
    """Where the converted model is kept on disk: named by all that it depends on."""
    size = f"rank{conversion.rank}" if conversion.budget is None else f"{conversion.budget}bytes"
    return saved_models.folder("converted", services.model(*_place(conversion)), size, repr(conversion))


def saved(conversion: Conversion) -> Path:
    """The folder with the converted model, written where it is not there yet. Raises HeadlightError."""
    made = converted(conversion)
    nbytes = sum(weight.nbytes for weight in made.module.parameters())
    return saved_models.written(folder_of(conversion), nbytes, lambda place: models.save(made, place))


def healing_folder(conversion: Conversion, mark: str) -> Path:
    """Where a healing of the saved model keeps its checkpoints and its result. Raises BrokenWeights without room for both."""
    place = folder_of(conversion).parent / "healing" / f"{folder_of(conversion).name}-{mark}"
    place.parent.mkdir(parents=True, exist_ok=True)
    nbytes = sum(weight.nbytes for weight in converted(conversion).module.parameters())
    saved_models.make_room(place, 2 * nbytes)
    return place


def _place(conversion: Conversion) -> tuple[str, str, str]:
    fitting = conversion.fitting
    return fitting.model, fitting.device, fitting.dtype
