"""A model with all heads, with some switched off and with these removed, timed in turn; once for all visitors."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
import torch

import models
from models.measuring.measurement import demand_measurable
from models.measuring.reading_time import reading_in_turn
from models.progress import Progress, part
from viz import services
from viz.services import removals
from viz.services.forecast import SLACK
from viz.services.kept import Kept, results
from viz.services.removals import Removal

NAMES = ("full", "gated", "removed")
PROMPT, NEW, REPEATS = 512, 32, 5
BATCHES = (8, 4, 2)  # the larger batch: the first of these that is affordable
MOST_SECONDS = 240.0  # that the larger batch may take, by formula


@dataclass(frozen=True, slots=True)
class Timed:
    """One of the three, measured. write_ms: of a step; None, like cache_bytes (of one token, counted in the live cache),
    for an encoder, which does not write."""

    name: str
    parameters: int
    read_s: models.Repeats
    write_ms: models.Repeats | None
    cache_bytes: float | None


@dataclass(frozen=True, slots=True)
class Race:
    """The three in turn at one batch size. prompt, new: tokens of each text that were read, and then written."""

    batch: int
    prompt: int
    new: int
    device: str
    dtype: str
    threads: int
    timed: tuple[Timed, ...]


@st.cache_resource(show_spinner=False)
def _races() -> Kept[Race]:
    return Kept(results())


@st.cache_resource(show_spinner=False)
def _larger_batches() -> Kept[int]:
    return Kept(results())


def is_run(removal: Removal, batch: int, take: int = 0) -> bool:
    return (removal, batch, take) in _races()


def race(removal: Removal, batch: int, take: int = 0, progress: Progress = models.no_progress) -> Race:
    """The three timed in turn; the smaller model is made where it is not there. Raises HeadlightError.

    take: 0 for the first time that it is timed, 1 for the second, and so on.
    """
    return _races().get((removal, batch, take), lambda: _run(removal, batch, progress), progress)


def latest(removal: Removal, batch: int, take: int) -> Race | None:
    """The last one of the takes up to this that is there."""
    there = (number for number in range(take, -1, -1) if is_run(removal, batch, number))
    number = next(there, None)
    return None if number is None else race(removal, batch, number)


def _run(removal: Removal, batch: int, progress: Progress) -> Race:
    original = removal.original
    smaller = removals.removed(removal, part(progress, 0.0, 0.05))
    off = models.HeadsOff(removal.off, removal.stack)
    three = [
        models.Contender(NAMES[0], original),
        models.Contender(NAMES[1], original, heads_off=off),
        models.Contender(NAMES[2], smaller),
    ]
    sizes = [_parameters(each.model) for each in three]
    told = part(progress, 0.05, 1.0)
    prompt, new = lengths(original)
    if original.geometry.role == "encoder":
        seconds = reading_in_turn(three, prompt, batch, REPEATS, progress=told)
        timed = [
            Timed(name, size, taken, None, None)
            for name, size, taken in zip(NAMES, sizes, seconds, strict=True)
        ]
    else:
        found = models.measure_in_turn(three, prompt, new, batch, REPEATS, progress=told)
        timed = [
            Timed(one.name, size, one.prefill_s, one.decode_ms_per_token, _per_token(one))
            for one, size in zip(found, sizes, strict=True)
        ]
    dtype, threads = str(original.dtype).removeprefix("torch."), torch.get_num_threads()
    return Race(batch, prompt, new, str(original.device), dtype, threads, tuple(timed))


def _per_token(one: models.Measurement) -> float:
    return one.cache_bytes / (one.batch * (one.prompt_tokens + one.new_tokens))


def _parameters(model: models.AttentionModel) -> int:
    return sum(weight.numel() for weight in model.module.parameters())


def lengths(model: models.AttentionModel) -> tuple[int, int]:
    """Tokens to read and to write: 512 and 32, or as many as the model takes."""
    new = 0 if model.geometry.role == "encoder" else NEW
    context = model.geometry.context
    if context is None or context >= PROMPT + new:
        return PROMPT, new
    new = min(new, max(context // 8, 1)) if new else 0
    return context - new, new


def operations(removal: Removal, batch: int) -> float:
    """That a race takes, by formula: three contenders, each once to warm up and then as often as it is timed."""
    prompt, new = lengths(removal.original)
    once = removals.reading(removal, prompt).before
    step = removals.writing(removal, prompt + new)
    once += new * (step.before if step else 2 * _parameters(removal.original))
    return len(NAMES) * (REPEATS + 1) * batch * once


def estimated_seconds(removal: Removal, batch: int) -> float:
    """How long a race takes on this device, by formula."""
    return SLACK * operations(removal, batch) / services.flops_per_s(str(removal.original.device))


def larger_batch(removal: Removal) -> int:
    """The largest of a few batch sizes that this machine can be asked for, in time and in memory; settled once a model."""
    key = (removal.model, removal.device, removal.dtype)
    return _larger_batches().get(key, lambda: _larger_batch(removal))


def _larger_batch(removal: Removal) -> int:
    for batch in BATCHES[:-1]:
        if estimated_seconds(removal, batch) <= MOST_SECONDS and _fits(removal.original, batch):
            return batch
    return BATCHES[-1]


def _fits(model: models.AttentionModel, batch: int) -> bool:
    if model.geometry.role == "encoder":  # keeps no cache, and one layer's activations at a time
        return True
    try:
        demand_measurable(models.Contender(model.name, model), *lengths(model), batch)
    except models.BadSelection:
        return False
    return True
