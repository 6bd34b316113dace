"""Models that were made here, on disk: one folder for each thing they were made from, written once, whole or not at all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import torch
from filelock import FileLock
from torch import Tensor

import models


def folder(kind: str, model: str, what: str, made_from: str, weight: Tensor) -> Path:
    """Where such a model is kept: in the cache, under `kind`, named by all that it depends on.

    model: name of the original; what: a short word for people; made_from: everything else that it was made from; weight: a
    matrix of the original, for a folder's weights may be others tomorrow.
    """
    kept = weight.detach().cpu().contiguous()
    parts = (made_from.encode(), kept.view(torch.uint8).numpy().tobytes())
    digest = hashlib.sha256(b"".join(parts)).hexdigest()[:12]
    name = re.sub(r"[^\w.-]+", "-", Path(model).name) or "model"
    return models.cache_folder() / kind / f"{name[:60]}-{what}-{digest}"


def written(place: Path, write: Callable[[Path], object]) -> Path:
    """The folder with the model in it, written where it is not there yet, by one visitor at a time."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(place.parent / f".{place.name}.lock"):
        if not (place / "config.json").is_file():
            write(place)
    return place
