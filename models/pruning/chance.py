"""What switching off as many random heads of the same layers does: what a chosen set of heads is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from models.errors import BadSelection
from models.progress import Progress, no_progress
from models.pruning.ablation import Baseline, Method, ablate, replacement
from models.run.head_gates import Head, HeadOutputs, Heads, HeadsOff, distinct, gated_stack, gates
from models.run.model import AttentionModel


@dataclass(frozen=True, slots=True)
class ChanceLoss:
    """What random heads cost, one entry a draw.

    draws: the heads that were off. delta_loss: rise of the text's mean loss, nats per token; NaN for encoders, and for a
    text of one token. kl: mean over the text's positions of KL(all heads || without them), nats; NaN without a language head.
    """

    draws: tuple[tuple[Head, ...], ...]
    delta_loss: tuple[float, ...]
    kl: tuple[float, ...]


def chance_ablations(
    model: AttentionModel,
    baseline: Baseline,
    heads: Heads,
    draws: int = 5,
    seed: int = 0,
    *,
    method: Method = "zero",
    reference: str | Sequence[str] | HeadOutputs | None = None,
    stack: str | None = None,
    progress: Progress = no_progress,
) -> ChanceLoss:
    """Switch off random heads instead of `heads`, `draws` times, on the text of `baseline`.

    Each draw takes as many heads of each layer as `heads` has there: others than those, or where the layer has no more
    others than that any of it, so that of a layer that is wholly off no draw differs. method, reference: as in `ablate`. An
    exception from `progress` ends the work. Raises BadSelection for heads that do not exist and where no heads are off.
    """
    off = distinct(heads, stack)
    if draws < 1:
        raise BadSelection(f"Chance needs a draw or more, but {draws} came; give draws=5 or so.")
    if not off.heads:
        raise BadSelection("No heads are off, so there is nothing to compare with chance; choose some heads.")
    gates(model, off)  # refuses heads that do not exist
    instead = off.instead or replacement(model, method, reference)
    generator = torch.Generator().manual_seed(seed)
    drawn = tuple(random_heads(model, off, generator) for _ in range(draws))
    losses, divergences = [], []
    for number, chosen in enumerate(drawn):
        progress(f"Switching off random heads, draw {number + 1} of {draws}", number / draws)
        found = ablate(model, baseline, HeadsOff(chosen, off.stack, instead))
        losses.append(found.loss_after - found.loss_before)
        divergences.append(found.kl.mean().item())
    progress("Random heads have been switched off", 1.0)
    return ChanceLoss(drawn, tuple(losses), tuple(divergences))


def random_heads(model: AttentionModel, off: HeadsOff, generator: torch.Generator) -> tuple[Head, ...]:
    """A draw as `chance_ablations` makes it, sorted."""
    chosen: list[Head] = []
    stack = gated_stack(model, off.stack)
    for layer in sorted({layer for layer, _ in off.heads}):
        own = {head for place, head in off.heads if place == layer}
        heads = model.plan.sites[model.plan.calls_of(stack, layer)[0]].heads
        others = [head for head in range(heads) if head not in own]
        pool = others if len(others) > len(own) else list(range(heads))  # else there were one draw at most
        order = torch.randperm(len(pool), generator=generator)[: len(own)].tolist()
        chosen += sorted((layer, pool[place]) for place in order)
    return tuple(chosen)
