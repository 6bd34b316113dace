"""Loss against the share of heads removed, for several orders of removing them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float32
from torch import Tensor

from models.errors import BadSelection
from models.progress import Progress, no_progress, part
from models.pruning.ablation import Method, replacement
from models.pruning.importance_by_gradient import GradientImportance
from models.pruning.importance_by_sweep import HeadImportance
from models.pruning.measured import demand_prunable
from models.pruning.order import ORDERS, Order, Ranking, default_step, heads_of, random_order
from models.pruning.quality import PrunedQuality, Quantity, pruned_quality
from models.run.head_gates import Head, HeadOutputs, gated_stack
from models.run.inputs import listed_texts
from models.run.model import AttentionModel

POINTS = 33


@dataclass(frozen=True, eq=False)
class PruneCurve:
    """How well a model does with more and more of its heads off.

    order, stack, method: which heads go first, whose they are, what stands for their outputs. metric: what `loss` holds:
    "loss", the mean loss over the tokens of all texts but each text's first, nats per token; of encoders "kl", the mean of
    KL(all heads || without), nats; without a language head "distance", how far the output moved, as a share of its length.
    heads: all that were removed, in their order (of the first draw for "random"). removed: how many were off at each point,
    beginning with 0. loss: float32 [draw, point], one draw but for "random". total: heads of the stack.
    """

    order: Order
    stack: str
    method: Method
    metric: Quantity
    heads: tuple[Head, ...]
    removed: tuple[int, ...]
    loss: Float32[Tensor, "draw point"]
    total: int

    @property
    def share(self) -> Float32[Tensor, " point"]:
        """[point], share of the stack's heads that were off."""
        return torch.tensor(self.removed, dtype=torch.float32) / self.total

    @property
    def mean(self) -> Float32[Tensor, " point"]:
        """[point], of the draws."""
        return self.loss.mean(0)

    def removable(self, more: float = 0.05) -> float:
        """The largest share removed before the mean loss first exceeds (1 + more) times the loss with all heads.

        Of points that were measured. By "kl" and "distance", which begin with 0, before they first exceed `more` itself.
        """
        most = self.mean[0] * (1 + more) if self.metric == "loss" else more
        exceeded = (self.mean > most).nonzero()
        last = int(exceeded[0]) - 1 if len(exceeded) else len(self.removed) - 1
        return self.share[last].item()

    @property
    def knee(self) -> int:
        """Index of the point that lies farthest below the straight line from the first point to the last.

        Where more heads begin to cost much more. Source: the knee of a convex rising curve in Satopää et al. 2011 ("Finding
        a Kneedle in a Haystack"), without their smoothing. The first point where none lies below the line.
        """
        share, mean = self.share, self.mean
        span = share[-1] - share[0]
        line = mean[0] + (mean[-1] - mean[0]) * (share - share[0]) / span
        below = line - mean
        rounding = 1e-6 * mean.abs().max()  # a point of the line itself may come out below it by so much
        return int(below.argmax()) if below.max() > rounding else 0


def prune_curve(
    model: AttentionModel,
    texts: str | Sequence[str],
    order: Order = "importance",
    *,
    keep: float = 0.0,
    points: int = POINTS,
    draws: int = 3,
    seed: int = 0,
    step: int | None = None,
    ranked_on: str | Sequence[str] | None = None,
    importance: HeadImportance | GradientImportance | None = None,
    stack: str | None = None,
    method: Method = "zero",
    reference: str | Sequence[str] | HeadOutputs | None = None,
    max_tokens: int | None = None,
    progress: Progress = no_progress,
) -> PruneCurve:
    """Switch off more and more heads of a stack (None: the default one), and measure on texts what is left of the model.

    order: "importance", least missed alone first (leave-one-out; `importance` takes a sweep made before, perhaps on other
    texts); "gradient", by gradient importance with each layer's divided by its norm (Michel et al. 2019, section 4.1;
    decoders and encoder-decoders); "random", `draws` orders from `seed`; "iterative", greedily: a sweep with the heads that
    are off already, of which the `step` least missed go next (1 up to 64 heads; more on larger models, so that all sweeps
    together try some 2,000 heads). keep: share of the heads that stays at the end. points: at how many numbers of heads to
    measure, evenly spread and the first and the last among them; "iterative" measures after every step. method, reference:
    as in `ablate`. ranked_on: the texts on which heads are ranked, None for the same; on those heads that fit their accidents
    are chosen, which flatters the curve, most of all "iterative". An exception from `progress`, which is told before every
    pass, ends the work. Raises BadSelection, BadText, TextTooLong.
    """
    demand_prunable(model)
    name = gated_stack(model, stack)
    _demand(order, keep, points, draws, step)
    others = listed_texts(texts if ranked_on is None else ranked_on)
    instead = replacement(model, method, reference)
    quality = pruned_quality(model, texts, name, instead, max_tokens)
    ranking = Ranking(model, others, name, method, instead, quality.quantity, max_tokens)
    everything = heads_of(model, name)
    end = max(round(len(everything) * (1 - keep)), 1)
    if order == "iterative":
        size = step or default_step(len(everything))
        heads, removed, loss = _greedily(ranking, quality, end, size, progress)
    else:
        orders, measured = _orders(ranking, order, draws, seed, importance, points, progress)
        removed = _spread(end, points)
        heads, loss = orders[0][:end], _losses(quality, orders, removed, measured)
    progress("The curve is measured", 1.0)
    return PruneCurve(order, name, method, quality.quantity, heads, removed, loss, len(everything))


def _demand(order: str, keep: float, points: int, draws: int, step: int | None) -> None:
    if order not in ORDERS:
        raise BadSelection(f"Heads are removed by {', '.join(ORDERS)}, but “{order}” came; choose one.")
    if not 0 <= keep < 1:
        raise BadSelection(
            f"The share of the heads that stays (keep) is 0 or more and below 1, but {keep} came; give such a share."
        )
    for name, number, least in (("points", points, 2), ("draws", draws, 1), ("step", step, 1)):
        if number is not None and number < least:
            raise BadSelection(f"A curve needs {name} of {least} or more, but {number} came; give as many.")


def _orders(
    ranking: Ranking,
    order: Order,
    draws: int,
    seed: int,
    importance: HeadImportance | GradientImportance | None,
    points: int,
    progress: Progress,
) -> tuple[list[tuple[Head, ...]], Progress]:
    """Every order of all heads to be measured, and the progress that is left for measuring it."""
    if order == "random":
        return [random_order(ranking.model, ranking.stack, seed + draw) for draw in range(draws)], progress
    if importance is not None:
        return [ranking.given(order, importance)], progress
    runs = (
        len(heads_of(ranking.model, ranking.stack)) / 2 if order == "importance" else 3
    )  # a run being one pass
    ranked = runs / (runs + points)
    return [ranking.made(order, part(progress, 0.0, ranked))], part(progress, ranked, 1.0)


def _losses(
    quality: PrunedQuality, orders: Sequence[Sequence[Head]], removed: Sequence[int], progress: Progress
) -> Tensor:
    """[draw, point]."""
    found = torch.empty(len(orders), len(removed), dtype=torch.float32)
    for draw, heads in enumerate(orders):
        for place, count in enumerate(removed):
            done = draw * len(removed) + place
            told = part(progress, done / found.numel(), (done + 1) / found.numel())
            found[draw, place] = quality.without(heads[:count], told)
    return found


def _greedily(
    ranking: Ranking, quality: PrunedQuality, end: int, step: int, progress: Progress
) -> tuple[tuple[Head, ...], tuple[int, ...], Tensor]:
    """Heads, points and losses of the iterative order."""
    removed = (*range(0, end, step), end)
    off: tuple[Head, ...] = ()
    losses = []
    for number, count in enumerate(removed):
        told = part(progress, number / len(removed), (number + 1) / len(removed))
        if count:
            off += ranking.next_of(off, part(told, 0.0, 0.9))[: count - len(off)]
        losses.append(quality.without(off, part(told, 0.9, 1.0)))
    return off, removed, torch.tensor([losses], dtype=torch.float32)


def _spread(end: int, points: int) -> tuple[int, ...]:
    """Numbers of heads from 0 to `end`, every one where there are points enough."""
    return tuple(
        sorted(
            {
                round(place)
                for place in torch.linspace(0, end, min(points, end + 1), dtype=torch.float32).tolist()
            }
        )
    )
