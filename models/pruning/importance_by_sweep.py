"""Switch off every head, one at a time, and see how much worse the model gets: leave-one-out importance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torch.nn import functional

from models.errors import BadSelection
from models.progress import Progress, no_progress
from models.pruning.ablation import Method, divergence_of, replacement
from models.pruning.blocked_loss import blocked_loss
from models.pruning.head_batch import heads_at_once
from models.pruning.measured import demand_numbers, demand_prunable, encoded_texts, has_loss
from models.pruning.quality import distance, whole_output
from models.pruning.resumed import ResumedRuns
from models.pruning.ways import Passes, Ways
from models.run.head_gates import HeadOutputs, Heads, HeadsOff, gated_stack, gates, plain
from models.run.inputs import Encoded
from models.run.interventions import Gate
from models.run.model import AttentionModel

Metric = Literal["loss", "kl", "logit_diff", "distance"]
METRICS: tuple[Metric, ...] = ("loss", "kl", "logit_diff", "distance")


@dataclass(frozen=True, slots=True)
class HeadImportance:
    """How much worse a model gets when one head is switched off.

    values: [text, layer, head], above 0 where the head is missed; NaN where a layer has fewer heads, where one is off
    throughout, and by "loss" all of a text of one token, which has none.
      loss: rise of the mean loss over a text's tokens, nats per token (decoders and encoder-decoders).
      kl: KL(all heads || without), nats, of the prediction after the text; of an encoder the mean over all positions.
      logit_diff: fall of the logit of the first answer less that of the second, after the text.
      distance: how far the last layer's output moved, mean over all positions of the length of the difference over the
        length before (models without a language head, which have nothing else).
    metric, method, stack: what was measured, what stood for the head's output, whose heads.
    passes: how the slowest runs were made: "resumed", from the head's own layer on; "whole", as whole passes of several heads
    at once; "single", one whole pass for each head (the plain loop). The numbers are the same.
    Source: leave-one-out as in Michel et al. 2019 (arXiv 1905.10650), section 3.2.
    """

    values: Float32[Tensor, "text layer head"]
    metric: Metric
    method: Method
    stack: str
    passes: Passes = "resumed"

    @property
    def mean(self) -> Float32[Tensor, "layer head"]:
        """[layer, head], over the texts that have what is measured."""
        measured = ~self.values.isnan().flatten(1).all(1)
        return self.values[measured].mean(0)


def sweep(
    model: AttentionModel,
    texts: str | Sequence[str],
    *,
    method: Method = "zero",
    metric: Metric = "loss",
    reference: str | Sequence[str] | HeadOutputs | None = None,
    answers: tuple[int, int] | None = None,
    stack: str | None = None,
    heads_off: Heads = (),
    max_tokens: int | None = None,
    progress: Progress = no_progress,
) -> HeadImportance:
    """The importance of every head of a stack (None: the default one) on each of the texts.

    method, reference: as in `ablate`. answers: token ids for "logit_diff". heads_off: heads of the stack that are off
    throughout, in the same way; the values are still counted from the run with all heads on. Heads of a layer run as one
    batch, and from the layer that they stand in, where the model allows it; an exception from `progress`, which is told before
    every pass, ends the work. Raises BadSelection, BadText, TextTooLong.
    """
    name = _demand(model, metric, answers, stack)
    given = encoded_texts(model, texts, max_tokens, by_loss=metric == "loss")
    others = plain(heads_off, name, "A sweep (see its method= and reference=)")
    off = HeadsOff(others.heads, name, replacement(model, method, reference))
    rows, ways, swept = [], Ways(), _swept(model, off)
    for number, encoded in enumerate(given):
        told = f" of text {number + 1} of {len(given)}" if len(given) > 1 else ""

        def share(message: str, fraction: float, number: int = number, told: str = told) -> None:
            progress(message + told, (number + fraction) / len(given))

        if metric == "loss" and not has_loss(encoded):
            rows.append(torch.full(swept.shape, torch.nan, dtype=torch.float32))
            continue
        rows.append(_one_text(model, encoded, _Measure(metric, answers), off, swept, ways, share))
        demand_numbers(model, rows[-1][swept], number)
    progress("Every head has been switched off once", 1.0)
    return HeadImportance(torch.stack(rows), metric, method, name, ways.passes)


def _demand(model: AttentionModel, metric: str, answers: tuple[int, int] | None, stack: str | None) -> str:
    """The stack's name, where the sweep can be made."""
    demand_prunable(model)
    if metric not in METRICS:
        raise BadSelection(
            f"Importance is measured by {', '.join(METRICS)}, but “{metric}” came; choose one."
        )
    if (metric == "logit_diff") != (answers is not None):
        raise BadSelection(
            "“logit_diff”, and it alone, needs answers=(token id, token id): the right one and the wrong one."
        )
    _demand_output(model, metric)
    return gated_stack(model, stack)


def _demand_output(model: AttentionModel, metric: str) -> None:
    if metric != "distance" and model.module.get_output_embeddings() is None:
        raise BadSelection(
            f"The weights of {model.name} have no language head, so it predicts no tokens: measure by “distance”."
        )
    if metric == "loss" and model.geometry.role == "encoder":
        raise BadSelection(f"{model.name} looks both ways, so it has no loss per token: measure by “kl”.")


@dataclass(frozen=True, slots=True)
class _Measure:
    """What is read off the logits of runs without a head."""

    metric: Metric
    answers: tuple[int, int] | None

    def last_only(self, model: AttentionModel) -> bool:
        return self.metric in ("kl", "logit_diff") and model.geometry.role != "encoder"

    def __call__(self, full: Tensor, without: Tensor, ids: Tensor, head: nn.Linear | None) -> Tensor:
        """full [pos, vocab] with all heads, without [batch, pos, vocab] or what enters `head` -> [batch]."""
        if self.metric == "loss":
            losses = _mean_loss(without, ids) if head is None else blocked_loss(without, head, ids)
            return losses - _mean_loss(full[None], ids)
        if self.metric == "distance":
            return distance(full, without).mean(-1)
        full = full[-without.shape[1] :]
        if self.metric == "kl":
            return divergence_of(full, without).mean(-1)
        assert self.answers is not None
        full = full.float()
        right, wrong = self.answers
        return (full[-1, right] - full[-1, wrong]) - (without[:, -1, right] - without[:, -1, wrong]).float()


def _mean_loss(logits: Tensor, ids: Tensor) -> Tensor:
    """[batch], nats per token."""
    rows = [functional.cross_entropy(row[:-1].float(), ids[1:]) for row in logits]
    return torch.stack(rows)


def _swept(model: AttentionModel, off: HeadsOff) -> Tensor:
    """Which heads are switched off one at a time, [layer, head]; False where a layer has fewer."""
    assert off.stack is not None
    plan = model.plan
    calls = [plan.calls_of(off.stack, layer)[0] for layer in range(plan.layers(off.stack))]
    heads = torch.tensor([plan.sites[call].heads for call in calls])
    swept = torch.arange(int(heads.max())) < heads[:, None]
    for layer, head in off.heads:
        swept[layer, head] = False
    return swept


def _one_text(
    model: AttentionModel,
    encoded: Encoded,
    measure: _Measure,
    off: HeadsOff,
    swept: Tensor,
    ways: Ways,
    progress: Progress,
) -> Tensor:
    """[layer, head]."""
    assert off.stack is not None
    always, last = gates(model, off), measure.last_only(model)
    runs = ResumedRuns(model, encoded, off.stack, always, last, measure.metric == "loss", ways)
    full = whole_output(model, encoded) if off.heads else runs.output
    ids = torch.tensor(encoded.predicted, device=model.device)
    found = torch.full(swept.shape, torch.nan, dtype=torch.float32)
    for layer, heads in enumerate(swept):
        calls = model.plan.calls_of(off.stack, layer)
        wide = full.shape[-1] if runs.head is None else runs.head.in_features
        rows = heads_at_once(model, len(ids), 1 if last else len(ids), wide)
        for chosen in heads.nonzero().flatten().split(rows) if heads.any() else ():
            progress(f"Switching off the heads of layer {layer}", layer / len(swept))
            output = runs.run(layer, _one_each(model, off, always, calls, chosen), len(chosen))
            found[layer, chosen] = measure(full, output[:, -1:] if last else output, ids, runs.head).cpu()
    return found


def _one_each(
    model: AttentionModel, off: HeadsOff, always: dict[int, Gate], calls: Iterable[int], chosen: Tensor
) -> dict[int, Gate]:
    """Gates of a layer's calls: row n without head chosen[n], and without those that are off throughout."""
    made = {}
    for call in calls:
        instead = None if off.instead is None else off.instead.per_call[call]
        heads = model.plan.sites[call].heads
        made[call] = always.get(call, Gate(torch.ones(heads, dtype=torch.float32), instead)).repeated(
            len(chosen)
        )
        made[call].keep[torch.arange(len(chosen)), chosen] = 0.0
    return made
