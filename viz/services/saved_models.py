"""Models that were made here, on disk: one folder for each thing they were made from, written once, whole or not at all.

All of them together take a limited number of bytes: the one used least recently goes first.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from weakref import WeakKeyDictionary

import torch
from filelock import FileLock, Timeout
from torch import nn

import models

DISK_BYTES = int(float(os.environ.get("HEADLIGHT_DISK_GB", "20")) * 2**30)
KINDS = ("converted", "removed", "converted/healing")
SMALL_FILES_BYTES = 5 * 10**6  # tokenizer and config beside the weights: rather too much than too little
SAMPLES = 64  # numbers of each matrix that tell a model from another

_fingerprints: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()
_fingerprinting = threading.Lock()


def folder(kind: str, model: models.AttentionModel, what: str, made_from: str) -> Path:
    """Where such a model is kept: in the cache, under `kind`, named by all that it depends on.

    model: the original; what: a short word for people; made_from: everything else that it was made from.
    """
    digest = hashlib.sha256(f"{made_from}\0{fingerprint(model)}".encode()).hexdigest()[:12]
    name = re.sub(r"[^\w.-]+", "-", Path(model.name).name) or "model"
    return models.cache_folder() / kind / f"{name[:60]}-{what}-{digest}"


def fingerprint(model: models.AttentionModel) -> str:
    """Tells a model's weights from others, for those of a folder may be others tomorrow. Worked out once a loaded model."""
    with _fingerprinting:
        known = _fingerprints.get(model.module)
        if known is None:
            known = _fingerprints[model.module] = _sampled(model.module)
        return known


def _sampled(module: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, weight in module.named_parameters():
        flat = weight.detach().flatten()
        sample = flat[:: max(1, flat.numel() // SAMPLES)].cpu().contiguous()
        digest.update(f"{name}{tuple(weight.shape)}{weight.dtype}".encode())
        digest.update(sample.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def written(place: Path, nbytes: int, write: Callable[[Path], object]) -> Path:
    """The folder with the model in it, written where it is not there yet, by one visitor at a time.

    nbytes: of its weights. Raises BrokenWeights where that is more than there is room for.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(_lock(place)):
        if not (place / "config.json").is_file():
            make_room(place, nbytes + SMALL_FILES_BYTES)
            write(place)
        os.utime(place)  # used now
    return place


def make_room(place: Path, nbytes: int) -> None:
    """Let those go that were used least recently, until all and `nbytes` more at `place` are within the limit.

    Raises BrokenWeights where the disk has no room for it even so.
    """
    kept = sorted(_all_kept(), key=lambda one: one.stat().st_mtime)
    total = sum(map(_size, kept))
    for oldest in kept:
        if total + nbytes <= DISK_BYTES:
            break
        if oldest != place:
            total -= _removed(oldest)
    free = shutil.disk_usage(place.parent).free
    if free < nbytes:
        raise models.BrokenWeights(
            f"The model takes {nbytes / 1e6:,.3g} MB, but only {free / 1e6:,.3g} MB are free where {place} would be written: "
            "free some space there, or set HEADLIGHT_CACHE to a folder elsewhere."
        )


def _all_kept() -> Iterator[Path]:
    for kind in KINDS:
        root = models.cache_folder() / kind
        if root.is_dir():
            yield from (one for one in root.iterdir() if one.is_dir() and one.name != "healing")


def _removed(place: Path) -> int:
    """Its bytes, once it is gone; 0 where somebody is writing it just now."""
    size = _size(place)
    try:
        with FileLock(_lock(place), timeout=0):
            shutil.rmtree(place, ignore_errors=True)
    except Timeout:
        return 0
    return size


def _size(place: Path) -> int:
    found = 0
    for path in place.rglob("*"):
        with contextlib.suppress(OSError):  # gone meanwhile
            found += path.stat().st_size
    return found


def _lock(place: Path) -> Path:
    return place.parent / f".{place.name}.lock"
