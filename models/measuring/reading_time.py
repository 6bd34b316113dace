"""How long encoders take to read a text; decoders, which also write, are measured by models.measure."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from models.errors import BadSelection
from models.measuring.measurement import Contender, Repeats
from models.measuring.one_at_a_time import TURNS
from models.measuring.timed_run import wait
from models.progress import Progress, no_progress
from models.run.head_gates import gates
from models.run.tap import Tap, tapped

SEED = 0


def reading_in_turn(
    contenders: Sequence[Contender],
    tokens: int = 512,
    batch: int = 1,
    repeats: int = 5,
    *,
    progress: Progress = no_progress,
) -> tuple[Repeats, ...]:
    """Seconds in which each contender reads `batch` texts of random tokens, in turn after one run of each that warms up.

    One measurement at a time runs in this process; others wait, and their progress is told so. Raises BadSelection for
    a text longer than a model takes.
    """
    for each in contenders:
        _demand_context(each, tokens)
    taken: list[list[float]] = [[] for _ in contenders]
    with TURNS.mine(progress):
        for repeat in range(repeats + 1):
            for place, each in enumerate(contenders):
                which = f"run {repeat} of {repeats}" if repeat else "warming up"
                done = repeat * len(contenders) + place
                progress(f"{each.name}, {which}: reading", done / (repeats + 1) / len(contenders))
                seconds = _seconds(each, tokens, batch)
                if repeat:
                    taken[place].append(seconds)
    progress("Measured", 1.0)
    return tuple(map(Repeats, taken))


@torch.inference_mode()
def _seconds(contender: Contender, tokens: int, batch: int) -> float:
    model = contender.model
    generator = torch.Generator().manual_seed(SEED)
    ids = torch.randint(model.geometry.vocab, (batch, tokens), generator=generator).to(model.device)
    wait(model.device)
    started = time.perf_counter()
    with tapped(Tap(gates=gates(model, contender.heads_off))):
        model.module(input_ids=ids)
    wait(model.device)
    return time.perf_counter() - started


def _demand_context(contender: Contender, tokens: int) -> None:
    context = contender.model.geometry.context
    if context is not None and tokens > context:
        raise BadSelection(
            f"A text of {tokens:,} tokens is longer than the {context:,} that {contender.model.name} takes; take fewer."
        )
