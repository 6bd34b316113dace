"""A training's record as the browser plays it: one picture with every head at every record, and curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.look.formation import Formation
from models.look.scores import NAMES
from viz.figures.atlas import Atlas, make_atlas

FOLLOWED = ("induction", "previous_token", "first_token")

Numbers = list[float | None]


@dataclass(frozen=True, slots=True)
class Film:
    """One model's heads, record by record, in reading order: layer by layer, head by head.

    atlas: all tiles of the first record, then all of the next, ...; each scaled by its own strongest weight.
    roles[record]: each head's role on the probe then, "" for none. scores[name][record] and chance[name]: a number a
    head, None where there is none. Scores: share of attention, entropy in nats, mean_distance in tokens.
    """

    atlas: Atlas
    layers: int
    heads: int
    roles: list[list[str]]
    scores: dict[str, list[Numbers]]
    chance: dict[str, Numbers]


@dataclass(frozen=True, slots=True)
class Curve:
    """One model's way through its training, a number a record.

    steps: optimizer steps; tokens: training tokens read, empty where they were not counted; loss: validation, nats per
    token. best[name]: the highest score of any head, whose[name]: that head's (layer, head). chance[name]: what a head
    scores that spreads its attention evenly, mean over heads.
    """

    kind: str
    steps: list[int]
    tokens: list[int]
    loss: Numbers
    best: dict[str, Numbers]
    whose: dict[str, list[tuple[int, int]]]
    chance: dict[str, float | None]


def make_film(formation: Formation) -> Film:
    """Raises ValueError for a formation without records."""
    if not len(formation):
        raise ValueError("expected one record or more, got none")
    records, layers, heads = len(formation), formation.layers, formation.heads
    tiles = np.concatenate([formation.weights(record) for record in range(records)])
    roles = []
    for record in range(records):
        scores = formation.scores_at(record)
        roles.append([scores.role(layer, head) for layer in range(layers) for head in range(heads)])
    return Film(
        atlas=make_atlas(tiles),
        layers=layers,
        heads=heads,
        roles=roles,
        scores={name: [_numbers(values.ravel()) for values in formation.scores[name]] for name in NAMES},
        chance={name: _numbers(formation.chance[name].ravel()) for name in NAMES},
    )


def make_curve(formation: Formation) -> Curve:
    """Raises ValueError for a formation without records."""
    if not len(formation):
        raise ValueError("expected one record or more, got none")
    strongest = {name: formation.strongest(name) for name in FOLLOWED}
    counted = min(formation.tokens_seen) >= 0
    return Curve(
        kind=formation.kind,
        steps=list(formation.steps),
        tokens=list(formation.tokens_seen) if counted else [],
        loss=_numbers(formation.validation_loss),
        best={name: _numbers(values) for name, (values, _) in strongest.items()},
        whose={name: where for name, (_, where) in strongest.items()},
        chance={name: _mean(formation.chance[name]) for name in FOLLOWED},
    )


def nearest_record(steps: Sequence[int], step: int | None) -> int:
    """Which record shows a step: the last one made by then, the first where none was; the very last for None."""
    if step is None:
        return len(steps) - 1
    return max(sum(known <= step for known in steps) - 1, 0)


def _mean(values: np.ndarray) -> float | None:
    return _numbers([float(np.nanmean(values))])[0] if np.isfinite(values).any() else None


def _numbers(values: Sequence[float] | np.ndarray) -> Numbers:
    """At four significant digits, which a chart and its numbers can show; None for what is not a number."""
    return [float(f"{value:.4g}") if math.isfinite(value) else None for value in values]
