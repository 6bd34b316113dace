"""What heads are worth on a text that is not the visitor's, worked out once for all visitors, each number by itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

import streamlit as st
import torch

import models
from models.look.evaluation_texts import TEXT_TOKENS, cut_in_two
from models.progress import Progress, part
from models.pruning.chance import random_heads
from models.pruning.order import Order, heads_of
from models.pruning.quality import Quantity, pruned_quality, quantity_of
from models.run.head_gates import Head, HeadOutputs, HeadsOff
from models.run.inputs import count_tokens
from viz import services
from viz.services.kept import Kept, results
from viz.services.replacements import ZEROS, ReplacedBy, outputs

POINTS = 17  # of a curve
KEEP = 0.1  # of the heads, at its end: with none left the loss explodes, and would hide all that comes before
DRAWS = 3  # random orders of a curve
CHANCE_DRAWS = 5  # random sets that a chosen set is compared with
Where = Literal["layers", "model"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that the importance of heads depends on.

    text: "" for the prose that comes with Headlight. tokens: how many of it are read at most. replaced_by: what stands for
    the outputs of heads that are off.
    """

    model: str
    device: str
    dtype: str
    stack: str
    text: str
    tokens: int
    replaced_by: ReplacedBy = ZEROS

    @property
    def by_zeros(self) -> Evaluation:
        return dataclasses.replace(self, replaced_by=ZEROS)

    @property
    def loaded(self) -> models.AttentionModel:
        return services.model(self.model, self.device, self.dtype)

    @property
    def metric(self) -> Quantity:
        """What tells how well the model does."""
        return quantity_of(self.loaded)


@dataclass(frozen=True, slots=True)
class ReadTexts:
    """What is read: the beginning, on which heads are ranked, and what follows it, on which sets of them are measured.

    The two are the same where the text is too short to hold a part of it out. ranked_tokens, measured_tokens: of each.
    """

    ranked: tuple[str, ...]
    measured: tuple[str, ...]
    ranked_tokens: int
    measured_tokens: int

    @property
    def held_out(self) -> bool:
        """Whether heads are measured on other text than they were ranked on."""
        return self.ranked != self.measured


@st.cache_resource(show_spinner=False)
def _results() -> Kept[Any]:
    return Kept(results())


def _kept(key: Hashable, make: Callable[[], T]) -> T:
    return cast(T, _results().get(key, make))


def read_texts(evaluation: Evaluation) -> ReadTexts:
    """What is read of the text. Raises BadText."""

    def make() -> ReadTexts:
        model = evaluation.loaded
        ranked, held_out = cut_in_two(model, evaluation.text or None, max_tokens=evaluation.tokens)
        parts = ranked, held_out or ranked
        counts = (sum(count_tokens(model, text, max_tokens=TEXT_TOKENS) for text in part) for part in parts)
        return ReadTexts(*parts, *counts)

    return _kept(("texts", evaluation.by_zeros), make)


def _instead(evaluation: Evaluation) -> HeadOutputs | None:
    return outputs(evaluation.model, evaluation.device, evaluation.dtype, evaluation.replaced_by)


def importance(evaluation: Evaluation, progress: Progress = models.no_progress) -> models.HeadImportance:
    """Leave-one-out importance of every head, on the text that heads are ranked on. Raises HeadlightError."""
    return _kept(
        ("importance", evaluation),
        lambda: models.sweep(
            evaluation.loaded, read_texts(evaluation).ranked, method=evaluation.replaced_by[0],
            reference=_instead(evaluation), metric=evaluation.metric, stack=evaluation.stack,
            max_tokens=TEXT_TOKENS, progress=progress,
        ),
    )  # fmt: skip


def is_importance_known(evaluation: Evaluation) -> bool:
    return ("importance", evaluation) in _results()


def gradient(evaluation: Evaluation, progress: Progress = models.no_progress) -> models.GradientImportance:
    """Gradient importance of every head on the same text, which is about zeros whatever stands for them.

    Raises BadSelection for models without a loss per token.
    """
    return _kept(
        ("gradient", evaluation.by_zeros),
        lambda: models.gradient_importance(
            evaluation.loaded, read_texts(evaluation).ranked, stack=evaluation.stack, max_tokens=TEXT_TOKENS,
            progress=progress,
        ),
    )  # fmt: skip


def is_gradient_known(evaluation: Evaluation) -> bool:
    return ("gradient", evaluation.by_zeros) in _results()


def curve(evaluation: Evaluation, order: Order, progress: Progress = models.no_progress) -> models.PruneCurve:
    """One prune curve, of heads that were ranked on the text before it. Raises HeadlightError."""

    def make() -> models.PruneCurve:
        read = read_texts(evaluation)
        ranked = {"importance": importance, "gradient": gradient}.get(order)
        return models.prune_curve(
            evaluation.loaded, read.measured, order, keep=KEEP, points=POINTS, draws=DRAWS, ranked_on=read.ranked,
            step=-(-head_count(evaluation) // POINTS),
            importance=None if ranked is None else ranked(evaluation), stack=evaluation.stack,
            method=evaluation.replaced_by[0], reference=_instead(evaluation), max_tokens=TEXT_TOKENS,
            progress=progress,
        )  # fmt: skip

    return _kept(("curve", order, evaluation), make)


def is_curve_known(evaluation: Evaluation, order: Order) -> bool:
    return ("curve", order, evaluation) in _results()


def without(evaluation: Evaluation, heads: Iterable[Head], progress: Progress = models.no_progress) -> float:
    """What `metric` is with these heads off, on the text that they are measured on. Raises HeadlightError."""
    (found,) = without_each(evaluation, [tuple(sorted(set(heads)))], progress)
    return found


def is_without_known(evaluation: Evaluation, heads: Iterable[Head]) -> bool:
    return ("without", evaluation, tuple(sorted(set(heads)))) in _results()


def without_each(
    evaluation: Evaluation, sets: list[tuple[Head, ...]], progress: Progress
) -> tuple[float, ...]:
    """Of several sets of heads, each sorted; the texts are read with all heads on but once."""
    keys = [("without", evaluation, heads) for heads in sets]
    if all(key in _results() for key in keys):
        return tuple(_kept(key, float) for key in keys)
    quality = pruned_quality(
        evaluation.loaded,
        read_texts(evaluation).measured,
        evaluation.stack,
        _instead(evaluation),
        TEXT_TOKENS,
    )
    found = []
    for number, (key, heads) in enumerate(zip(keys, sets, strict=True)):
        told = part(progress, number / len(sets), (number + 1) / len(sets))
        found.append(_kept(key, lambda heads=heads, told=told: quality.without(heads, told)))
    return tuple(found)


def chance(
    evaluation: Evaluation, heads: tuple[Head, ...], where: Where, progress: Progress = models.no_progress
) -> tuple[float, ...]:
    """What `metric` is with as many random heads off instead, a number a draw: of the same layers, or of any."""
    return without_each(evaluation, random_sets(evaluation, heads, where), progress)


def is_chance_known(evaluation: Evaluation, heads: tuple[Head, ...], where: Where) -> bool:
    return all(is_without_known(evaluation, drawn) for drawn in random_sets(evaluation, heads, where))


def random_sets(evaluation: Evaluation, heads: tuple[Head, ...], where: Where) -> list[tuple[Head, ...]]:
    """The draws, the same each time. "layers": as many of each layer as `heads` has there."""
    model, generator = evaluation.loaded, torch.Generator().manual_seed(0)
    if where == "layers":
        off = HeadsOff(heads, evaluation.stack)
        return [random_heads(model, off, generator) for _ in range(CHANCE_DRAWS)]
    every = heads_of(model, evaluation.stack)
    orders = (torch.randperm(len(every), generator=generator).tolist() for _ in range(CHANCE_DRAWS))
    return [tuple(sorted(every[place] for place in order[: len(heads)])) for order in orders]


def measuring_operations(evaluation: Evaluation, passes: float) -> float:
    """What this many passes over the text that is measured on take; formula: 2 operations a weight and token."""
    return _operations(evaluation, passes * read_texts(evaluation).measured_tokens)


def ranking_operations(evaluation: Evaluation, passes: float) -> float:
    """The same of the text that heads are ranked on."""
    return _operations(evaluation, passes * read_texts(evaluation).ranked_tokens)


def _operations(evaluation: Evaluation, tokens: float) -> float:
    return 2 * tokens * sum(weight.numel() for weight in evaluation.loaded.module.parameters())


def head_count(evaluation: Evaluation) -> int:
    """Heads of the stack."""
    return len(heads_of(evaluation.loaded, evaluation.stack))
