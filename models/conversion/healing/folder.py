"""The folder of a healing run: what runs in it, and where it can be taken up again."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from models.errors import BadSelection, BrokenWeights

try:
    import fcntl
except ImportError:  # Windows, where two runs in one folder are the person's own care
    fcntl = None

RUN, LOCK, MODEL = "heal.json", "lock", "model"
CHECKPOINTS = "checkpoint-*"


def identity(factors: Sequence[Tensor], tokens: NDArray[np.int64], plan: Any) -> dict[str, Any]:
    """What a folder's checkpoints must agree in. factors: the weights that learn; plan: a dataclass, how they do."""
    weights = [weight.detach().double().abs().sum().item() for weight in factors]
    corpus = {"tokens": len(tokens), "sum": int(tokens.sum())}
    return json.loads(json.dumps({"plan": asdict(plan), "corpus": corpus, "model": round(sum(weights), 4)}))


def resume_point(folder: Path, identity: dict[str, Any]) -> Path | None:
    """The checkpoint to go on from, None for a fresh start; half-written ones are deleted."""
    folder.mkdir(parents=True, exist_ok=True)
    _check_record(folder / RUN, identity)
    (folder / RUN).write_text(json.dumps(identity, indent=1), "utf-8")
    whole = _whole(list(folder.glob(CHECKPOINTS)))
    return whole[-1] if whole else None


def healed_model(folder: Path, identity: dict[str, Any]) -> Path | None:
    """The model that this same run has left in the folder, None where it has not come to its end."""
    _check_record(folder / RUN, identity)
    place = folder / MODEL
    return place if (folder / RUN).is_file() and (place / "config.json").is_file() else None


def drop_checkpoints(folder: Path) -> None:
    """Once the healed model is saved, nobody goes on from them: several times the model's size in optimizer states."""
    for place in folder.glob(CHECKPOINTS):
        shutil.rmtree(place, ignore_errors=True)


def _check_record(record: Path, identity: dict[str, Any]) -> None:
    if not record.exists():
        return
    before = json.loads(record.read_text("utf-8"))
    different = [name for name in identity if before.get(name) != identity[name]]
    if different:
        raise BadSelection(
            f"{record.parent} holds a run with another {' and another '.join(different)}: give another --out, or delete it."
        )


def _whole(places: Sequence[Path]) -> list[Path]:
    found = []
    for place in places:
        if (place / "trainer_state.json").is_file():  # the Trainer writes it last
            found.append(place)
        else:
            shutil.rmtree(place, ignore_errors=True)
    return sorted(found, key=lambda place: int(place.name.rpartition("-")[2]))


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other runs out of the folder; BadSelection where one is at work there, BrokenWeights where it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("w")
    except OSError as error:
        raise BrokenWeights(
            f"{folder} cannot be written to ({error.strerror or error}): give another --out."
        ) from None
    with lock:
        if (
            fcntl is not None and os.environ.get("RANK", "0") == "0"
        ):  # of several processes that heal together, the first
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise BadSelection(
                    f"Another process is healing a model in {folder}: wait for it, or give another --out."
                ) from None
        yield
