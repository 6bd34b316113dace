"""What taking a model's weak heads out saves: predicted by formula, and measured beside the whole model and the gated one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import streamlit as st

import models
from models.progress import Progress, part
from models.run.head_gates import Head, HeadsOff
from viz.services import importance
from viz.services.importance import Evaluation
from viz.services.kept import Kept, results

MORE = 0.05  # loss that weak heads may cost together
PROMPT, NEW, REPEATS = 480, 32, 5
NAMES = ("full", "gated", "removed")
DECODE_SLACK = 6  # a step of one token does not use a device as a prompt does


@dataclass(frozen=True, slots=True)
class Saving:
    """heads: what was taken out. loss_share: by how much the loss rises. reading, writing: what is left of the work by formula,
    0 to 1: operations for a prompt's token, and bytes of weights and cache that a new token needs. measured: full, gated (off,
    but computed) and removed, in turn.
    """

    heads: tuple[Head, ...]
    loss_share: float
    reading: float
    writing: float
    measured: tuple[models.Measurement, ...]


@st.cache_resource(show_spinner=False)
def _savings() -> Kept[Saving]:
    return Kept(results())


def weak_heads(evaluation: Evaluation) -> tuple[Head, ...]:
    """The least important, as many as cost at most 5% more loss together, at the points of the prune curve."""
    curve = importance.curve(evaluation, "importance")
    return tuple(sorted(curve.heads[: max(round(curve.removable(MORE) * curve.total), 1)]))


def is_saving_known(evaluation: Evaluation) -> bool:
    return evaluation in _savings()


def saving(evaluation: Evaluation, progress: Progress = models.no_progress) -> Saving:
    """Raises HeadlightError, where nothing can be measured or removed."""
    return _savings().get(evaluation, lambda: _measure(evaluation, progress), progress)


def _measure(evaluation: Evaluation, progress: Progress) -> Saving:
    model, heads = evaluation.loaded, weak_heads(evaluation)
    smaller = models.remove_heads(model, heads, stack=evaluation.stack, progress=part(progress, 0.0, 0.1))
    contenders = (
        models.Contender(NAMES[0], model),
        models.Contender(NAMES[1], model, heads_off=HeadsOff(heads, evaluation.stack)),
        models.Contender(NAMES[2], smaller),
    )
    measured = models.measure_in_turn(
        contenders, prompt_of(model), NEW, repeats=REPEATS, progress=part(progress, 0.1, 0.95)
    )
    full = importance.without(evaluation, ())
    risen = importance.without(evaluation, heads, part(progress, 0.95, 1.0)) / full - 1
    return Saving(heads, risen, *_by_formula(model, heads, evaluation.stack), measured)


def prompt_of(model: models.AttentionModel) -> int:
    """Tokens of the prompt: as many as leave room for the new ones."""
    return max(min(PROMPT, (model.geometry.context or PROMPT + NEW) - NEW), 1)


def _by_formula(model: models.AttentionModel, heads: tuple[Head, ...], stack: str) -> tuple[float, float]:
    """What is left of the operations to read a token, and of the bytes to write one.

    Operations: 2 a weight of a matrix, and 2 a head, visible key and dimension of keys and values (Kaplan et al. 2020, table
    1); half of the prompt is visible on average. Bytes: all weights once, and the cache of the whole prompt.
    """
    cost, shape, tokens = models.removal_cost(model, heads, stack=stack), model.geometry, prompt_of(model)
    inputs = cast(Any, model.module.get_input_embeddings())
    outputs = cast(Any, model.module.get_output_embeddings())
    tied = outputs is None or outputs.weight is inputs.weight
    looked_up = 0 if tied else inputs.weight.numel()
    count = sum(cost.heads_before)
    one_head = (shape.d_head + shape.v_head_dim) * tokens  # 2 operations on half of the keys
    before = 2 * (cost.parameters_before - looked_up) + count * one_head
    after = 2 * (cost.parameters_after - looked_up) + (count - len(heads)) * one_head
    size = model.dtype.itemsize
    moved = cost.parameters_before * size + cost.cache_bytes_before * tokens
    return after / before, (cost.parameters_after * size + cost.cache_bytes_after * tokens) / moved


def operations(evaluation: Evaluation) -> float:
    """About what the measurement alone takes, a step of one token counted as several of a prompt."""
    weights = sum(weight.numel() for weight in evaluation.loaded.module.parameters())
    tokens = prompt_of(evaluation.loaded) + DECODE_SLACK * NEW
    return 2 * weights * tokens * len(NAMES) * (REPEATS + 1)
