"""How long a plan's measurements will take, by formula over a speed measured on this device."""

from __future__ import annotations

from dataclasses import dataclass

import models
from models.costs.model_anatomy import Anatomy
from models.costs.model_cost import cost
from models.loading.placement import choose_device
from viz import services
from viz.services.contenders import Entrant, known_anatomy, number_format
from viz.services.measurements import Cell, Plan

# Of one layer in one step, whatever its size: the time to ask for its few dozen operations one by one.
LAYER_S = {"cpu": 1.2e-3, "cuda": 0.4e-3}
SLACK = 1.3  # a forward pass does not reach a bare matrix product's speed
BYTES_PER_S = 8e9  # a cautious guess of what memory gives; a step reads all weights


@dataclass(frozen=True, slots=True)
class Forecast:
    """seconds: estimated, of what is known. unknown: contenders of which nothing is known before they are loaded."""

    seconds: float
    unknown: tuple[str, ...]


def forecast(plan: Plan) -> Forecast:
    """Of all measurements of a plan; getting the models is not counted."""
    seconds, unknown = 0.0, []
    for entrant in plan.entrants:
        try:
            seconds += _entrant_s(plan, entrant)
        except (models.HeadlightError, LookupError):  # what cannot be measured is said when it is
            unknown.append(entrant.label)
    return Forecast(seconds, tuple(unknown))


def _entrant_s(plan: Plan, entrant: Entrant) -> float:
    """Raises LookupError where nothing is known of it."""
    known = known_anatomy(entrant)
    if known is None:
        raise LookupError(entrant.label)
    return sum(_cell_s(plan, entrant, known, cell) for cell in plan.cells(known.shape.context))


def _cell_s(plan: Plan, entrant: Entrant, known: Anatomy, cell: Cell) -> float:
    device = choose_device(entrant.device)
    worked_out = cost(known, cell.context, cell.batch, number_format(entrant), entrant.cache)
    flops = services.flops_per_s(str(device))
    step = known.shape.layers * LAYER_S.get(device.type, LAYER_S["cuda"])
    step += (worked_out.active_weight_bytes or 0) / BYTES_PER_S
    prefill = step
    if worked_out.prefill is not None and worked_out.decode is not None:
        prefill += SLACK * worked_out.prefill.flops / flops
        step += SLACK * worked_out.decode.flops / flops
    warm_up = 2 * step
    return warm_up + (plan.repeats + 1) * (prefill + plan.new_tokens * step)
