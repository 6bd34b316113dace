"""What all visitors share of heads removed for real: what it would change, smaller models, and what was measured of them.

Like viz/services/runs.py: a result is found by what it was made from, is made once, and is kept within a number of bytes.
"""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

import models
from models.progress import Progress, part
from models.removal.flops import Flops, reading_flops, writing_flops
from models.removal.sameness import Sameness, compare_with_gated
from viz import services
from viz.heads_off import Head, write
from viz.services import Request, saved_models
from viz.services.kept import Kept, results

LARGEST_ZIP = 2**30  # bytes: a download is made in memory


@dataclass(frozen=True, slots=True)
class Removal:
    """Everything that a smaller model depends on. off: as the model counts its heads."""

    model: str
    device: str
    dtype: str
    stack: str
    off: tuple[Head, ...]

    @property
    def original(self) -> models.AttentionModel:
        return services.model(self.model, self.device, self.dtype)


def removal_of(request: Request, stack: str, off: tuple[Head, ...]) -> Removal:
    return Removal(request.model, request.device, request.dtype, stack, tuple(sorted(set(off))))


@st.cache_resource(show_spinner=False)
def _costs() -> Kept[models.RemovalCost]:
    return Kept(results())


@st.cache_resource(show_spinner=False)
def _samenesses() -> Kept[Sameness]:
    return Kept(results())


def cost(removal: Removal) -> models.RemovalCost:
    """What removing would change, by formula. Raises HeadlightError for what cannot be removed."""
    return _costs().get(
        removal, lambda: models.removal_cost(removal.original, removal.off, stack=removal.stack)
    )


def reading(removal: Removal, tokens: int) -> Flops:
    """Operations of reading a text, before and after. Raises HeadlightError."""
    return reading_flops(removal.original, cost(removal), tokens)


def writing(removal: Removal, past: int) -> Flops | None:
    """Operations of one more token after `past`; None where there is no formula, or nothing is written."""
    original = removal.original
    return None if original.geometry.role == "encoder" else writing_flops(original, cost(removal), past)


def removed(removal: Removal, progress: Progress = models.no_progress) -> models.AttentionModel:
    """The smaller model. Raises HeadlightError; nothing is kept of one that was broken off."""
    return services.model_store().get(
        removal,
        lambda: models.remove_heads(removal.original, removal.off, stack=removal.stack, progress=progress),
        progress,
    )


def is_compared(removal: Removal, request: Request) -> bool:
    return _text_key(removal, request) in _samenesses()


def sameness(removal: Removal, request: Request, progress: Progress = models.no_progress) -> Sameness:
    """How far the smaller model is from the whole one with these heads switched off, on the request's text."""
    return _samenesses().get(
        _text_key(removal, request), lambda: _compare(removal, request, progress), progress
    )


def _compare(removal: Removal, request: Request, progress: Progress) -> Sameness:
    smaller, original = removed(removal, part(progress, 0.0, 0.5)), removal.original
    paired = original.geometry.role == "encoder" and request.second.strip()
    text = (request.text, request.second) if paired else request.text
    return compare_with_gated(
        original, smaller, text, removal.off, stack=removal.stack,
        max_tokens=request.max_tokens, progress=part(progress, 0.5, 1.0),
    )  # fmt: skip


def _text_key(removal: Removal, request: Request) -> tuple[object, ...]:
    return removal, request.text, request.second, request.max_tokens


def weight_bytes(removal: Removal) -> int:
    """What the smaller model's weights take on disk, by formula."""
    return cost(removal).parameters_after * removal.original.dtype.itemsize


def folder_of(removal: Removal) -> Path:
    """Where the smaller model is kept on disk."""
    made_from = repr((removal.model, removal.dtype, removal.stack, write(removal.off)))
    return saved_models.folder("removed", removal.original, f"less{len(removal.off)}", made_from)


def saved(removal: Removal) -> Path:
    """The folder with the smaller model, written where it is not there yet. Raises HeadlightError."""
    return saved_models.written(
        folder_of(removal), weight_bytes(removal), lambda place: models.save(removed(removal), place)
    )


def zipped(removal: Removal) -> bytes:
    """The folder as one zip; weights are stored as they are, for they hardly shrink. Raises HeadlightError."""
    place = saved(removal)
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for path in sorted(place.rglob("*")):
                archive.write(path, Path(place.name) / path.relative_to(place))
        file.seek(0)
        return file.read()
