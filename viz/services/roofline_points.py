"""Where the passes of models sit on a device's roofline: by formula, and as measured where it has been."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

import models
from models.costs.model_anatomy import Anatomy
from models.shape.attention_geometry import Kind
from viz.figures.roofline import Placed
from viz.services import measurements
from viz.services.contenders import Entrant, clipped, known_anatomy, number_format
from viz.services.measurements import Cell
from viz.services.plans import anatomy_of


@dataclass(frozen=True, slots=True)
class Seat:
    """One model. context: tokens, no more than it takes; steps: one at each batch; prompt, step: at the chosen batch."""

    label: str
    kind: Kind
    context: int
    prompt: Placed
    step: Placed
    steps: tuple[Placed, ...]


def seat_of_entrant(entrant: Entrant, context: int, batch: int, batches: Sequence[int]) -> Seat | None:
    """None where nothing is known of it before it is measured. Raises HeadlightError."""
    known = known_anatomy(entrant)
    if known is None:
        return None
    (tokens,) = clipped((context,), known.shape.context)
    dtype = number_format(entrant)
    seat = _seat(known, entrant.label, tokens, batch, batches, dtype, entrant.cache)
    return None if seat is None else _with_measured(seat, entrant, Cell(tokens, batch), known, dtype)


def seat_of_known(
    name: str, context: int, batch: int, batches: Sequence[int], dtype: torch.dtype
) -> Seat | None:
    """Of a well-known model, by formula alone. Raises HeadlightError."""
    known = anatomy_of(name)
    (tokens,) = clipped((context,), known.shape.context)
    return _seat(known, name, tokens, batch, batches, dtype, "auto")


def _seat(
    known: Anatomy,
    label: str,
    tokens: int,
    batch: int,
    batches: Sequence[int],
    dtype: torch.dtype,
    cache: str,
) -> Seat | None:
    chosen = models.cost(known, tokens, batch, dtype, cache)
    if chosen.prefill is None or chosen.decode is None:
        return None
    steps = (
        Placed("decode", work, each)
        for each in batches
        if (work := models.cost(known, tokens, each, dtype, cache).decode) is not None
    )
    prompt, step = Placed("prefill", chosen.prefill, batch), Placed("decode", chosen.decode, batch)
    return Seat(label, known.shape.kind, tokens, prompt, step, tuple(steps))


def _with_measured(seat: Seat, entrant: Entrant, cell: Cell, known: Anatomy, dtype: torch.dtype) -> Seat:
    """The same with the speed that was reached, where this context and batch have been measured."""
    point = measurements.shelf().get(entrant, cell)
    if point is None:
        return seat
    read = models.cost(known, point.measured.prompt_tokens, cell.batch, dtype, entrant.cache).prefill
    step_s = point.measured.decode_ms_per_token.median / 1000
    prompt_s = point.measured.prefill_s.median
    prompt = seat.prompt if read is None else replace(seat.prompt, reached=read.flops / prompt_s)
    step = replace(seat.step, reached=seat.step.work.flops / step_s)
    return replace(seat, prompt=prompt, step=step)
