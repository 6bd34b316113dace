"""In which order the heads of a stack are switched off."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from models.errors import BadSelection
from models.progress import Progress
from models.pruning.ablation import Method
from models.pruning.importance_by_gradient import GradientImportance, gradient_importance
from models.pruning.importance_by_sweep import HeadImportance, sweep
from models.pruning.quality import Quantity
from models.run.head_gates import Head, HeadOutputs
from models.run.model import AttentionModel

Order = Literal["importance", "gradient", "random", "iterative"]
ORDERS: tuple[Order, ...] = ("importance", "gradient", "random", "iterative")
GREEDY_TRIALS = 2_048  # heads that all sweeps of the iterative order try together, about


def heads_of(model: AttentionModel, stack: str) -> tuple[Head, ...]:
    """Every head of a stack."""
    plan = model.plan
    return tuple(
        (layer, head)
        for layer in range(plan.layers(stack))
        for head in range(plan.sites[plan.calls_of(stack, layer)[0]].heads)
    )


def random_order(model: AttentionModel, stack: str, seed: int) -> tuple[Head, ...]:
    """All heads, shuffled."""
    heads = heads_of(model, stack)
    order = torch.randperm(len(heads), generator=torch.Generator().manual_seed(seed))
    return tuple(heads[place] for place in order.tolist())


def default_step(total: int) -> int:
    """How many heads a step of the iterative order takes: 1 up to 64 heads, more where the sweeps would be too many."""
    return math.ceil(total**2 / 2 / GREEDY_TRIALS)


@dataclass(frozen=True, eq=False)
class Ranking:
    """What heads are ranked on."""

    model: AttentionModel
    texts: tuple[str, ...]
    stack: str
    method: Method
    instead: HeadOutputs | None
    quantity: Quantity
    max_tokens: int | None

    def made(self, order: Order, progress: Progress) -> tuple[Head, ...]:
        """All heads, least important first, by "importance" or "gradient". Raises BadSelection."""
        if order == "importance":
            return self.next_of((), progress)
        found = gradient_importance(
            self.model, self.texts, stack=self.stack, max_tokens=self.max_tokens, progress=progress
        )
        return self.given(order, found)

    def given(self, order: Order, importance: HeadImportance | GradientImportance) -> tuple[Head, ...]:
        """The same by an importance that was worked out before. Raises BadSelection where it is another model's or kind."""
        wanted = GradientImportance if order == "gradient" else HeadImportance
        if not isinstance(importance, wanted) or order == "iterative":
            raise BadSelection(
                f"The order “{order}” takes no {type(importance).__name__}; give the one of its kind, or none."
            )
        values = importance.normalized if isinstance(importance, GradientImportance) else importance.mean
        every = heads_of(self.model, self.stack)
        size = 1 + max(layer for layer, _ in every), 1 + max(head for _, head in every)
        found = {(layer, head) for layer, head in (~values.isnan()).nonzero().tolist()}
        if importance.stack != self.stack or values.shape != size or not found <= set(every):
            raise BadSelection(
                f"This importance is not of the {self.stack} heads of {self.model.name}; work it out for them, or give none."
            )
        return _least_first(values, every)

    def next_of(self, off: tuple[Head, ...], progress: Progress) -> tuple[Head, ...]:
        """The heads that are still on, least missed first."""
        found = sweep(
            self.model,
            self.texts,
            method=self.method,
            metric=self.quantity,
            reference=self.instead,
            stack=self.stack,
            heads_off=off,
            max_tokens=self.max_tokens,
            progress=progress,
        )
        gone = set(off)
        return _least_first(
            found.mean, tuple(head for head in heads_of(self.model, self.stack) if head not in gone)
        )


def _least_first(values: Tensor, heads: tuple[Head, ...]) -> tuple[Head, ...]:
    """These heads by their values [layer, head]. Raises BadSelection where one has none."""
    for layer, head in heads:
        if values[layer, head].isnan():
            raise BadSelection(
                f"Heads cannot be ranked: L{layer} H{head} has no value in this importance; give one that was worked out with "
                "all heads on, or none."
            )
    return tuple(sorted(heads, key=lambda head: values[head].item()))
