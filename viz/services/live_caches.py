"""The family's caches counted while they are alive, beside the formula."""

from __future__ import annotations

from dataclasses import dataclass

import models
from models.progress import Progress, part
from models.shape.attention_geometry import Geometry, Kind
from models.shape.family import KINDS, family_name
from viz import services
from viz.services.contenders import MODES

PROMPT_TOKENS, NEW_TOKENS, TEXTS = 40, 8, 2


@dataclass(frozen=True, slots=True)
class LiveCache:
    """counted: bytes of the live cache's tensors; formula: what they should be. tokens: of all texts together."""

    model: str
    mode: str
    shape: Geometry
    tokens: int
    itemsize: int
    counted: int
    formula: int | None

    @property
    def agrees(self) -> bool:
        return self.counted == self.formula


def live_caches(device: str, dtype: str, progress: Progress = models.no_progress) -> tuple[LiveCache, ...]:
    """Of the four, latent attention in each of its three ways; a second or two. Waits its turn as any measurement."""
    wanted: list[tuple[Kind, str]] = [
        (kind, mode) for kind in KINDS for mode in (MODES if kind == "mla" else ("auto",))
    ]
    return tuple(
        _one(
            family_name(kind),
            mode,
            device,
            dtype,
            part(progress, index / len(wanted), (index + 1) / len(wanted)),
        )
        for index, (kind, mode) in enumerate(wanted)
    )


def _one(name: str, mode: str, device: str, dtype: str, progress: Progress) -> LiveCache:
    progress(f"Counting the cache of {name}", 0.0)
    model = services.model(name, device, dtype)
    found = models.measure(model, PROMPT_TOKENS, NEW_TOKENS, TEXTS, mode, repeats=1, progress=progress)
    tokens = PROMPT_TOKENS + NEW_TOKENS
    worked = models.cost(model, tokens, TEXTS, model.dtype, mode)
    return LiveCache(
        name,
        mode,
        model.geometry,
        TEXTS * tokens,
        model.dtype.itemsize,
        found.cache_bytes,
        worked.cache_bytes,
    )
