"""What the page Latents works out of weights and captures, kept once for all visitors, bounded in bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import streamlit as st
from torch import Tensor

import models
from models.look.latent_reading import (
    DimensionUse,
    Spectrum,
    dimension_use,
    head_angles,
    head_overlap,
    spectrum,
)
from models.look.subspace_overlap import SubspaceOverlap
from models.progress import Progress
from viz import services
from viz.services import Request
from viz.services.kept import Kept, results

T = TypeVar("T")


@st.cache_resource(show_spinner=False)
def _readings() -> Kept[Any]:
    return Kept(results())


def _kept(key: tuple, make: Callable[[], T]) -> T:
    return cast(T, _readings().get(key, make))


def _weights_of(request: Request) -> tuple[str, str, str]:
    return request.model, request.device, request.dtype


def use_of_dimensions(request: Request, layer: int) -> DimensionUse:
    """Which heads use which latent dimension of a layer; see models.look.latent_reading.dimension_use. Raises BadSelection."""
    key = ("dimension use", _weights_of(request), layer)
    return _kept(key, lambda: dimension_use(services.model_of(request), layer))


def overlap_of_heads(
    request: Request, layer: int, reads: str, progress: Progress = models.no_progress
) -> SubspaceOverlap:
    """How alike the parts of the latent are that a layer's heads read. Raises BadSelection."""
    key = ("overlap", _weights_of(request), layer, reads)
    return _kept(key, lambda: head_overlap(services.model_of(request), layer, reads, progress=progress))


def angles_of_heads(request: Request, layer: int, heads: tuple[int, int], reads: str) -> Tensor:
    """Principal angles between what two of them read; see models.look.latent_reading.head_angles. Raises BadSelection."""
    key = ("angles", _weights_of(request), layer, heads, reads)
    return _kept(key, lambda: head_angles(services.model_of(request), layer, heads, reads))


def is_overlap_known(request: Request, layer: int, reads: str) -> bool:
    return ("overlap", _weights_of(request), layer, reads) in _readings()


def cache_spectra(
    request: Request, run: models.Capture, progress: Progress = models.no_progress
) -> tuple[Spectrum, ...]:
    """How much of its cache a text uses, per layer; see models.look.latent_reading.cache_spectra. Raises BadSelection."""

    def make() -> tuple[Spectrum, ...]:
        found = []
        for layer in range(run.layers()):
            progress(f"Spectrum of layer {layer}", layer / run.layers())
            found.append(spectrum(run.kv_latent(layer) if run.has_latents(layer) else run.cached(layer)))
        return tuple(found)

    return _kept(("spectra", request), make)


def are_spectra_known(request: Request) -> bool:
    return ("spectra", request) in _readings()
