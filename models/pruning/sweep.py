"""Switch off every head, one at a time, and see how much worse the model gets: leave-one-out importance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.capturing import encode_for
from models.errors import BadSelection, BadText
from models.head_gates import Gate, Head, HeadOutputs, HeadsOff, demand_gates, gated_stack, gates
from models.inputs import Encoded
from models.model import AttentionModel
from models.progress import Progress, no_progress
from models.pruning.ablation import Method, replacement
from models.pruning.blocked_loss import blocked_loss
from models.pruning.head_batch import heads_at_once
from models.pruning.quality import distance, whole_output
from models.pruning.resumed import ResumedRuns

Metric = Literal["loss", "kl", "logit_diff", "distance"]
METRICS: tuple[Metric, ...] = ("loss", "kl", "logit_diff", "distance")


@dataclass(frozen=True, slots=True)
class HeadImportance:
    """How much worse a model gets when one head is switched off.

    values: [text, layer, head], above 0 where the head is missed; NaN where a layer has fewer heads and where one is off
    throughout.
      loss: rise of the mean loss over a text's tokens, nats per token (decoders and encoder-decoders).
      kl: KL(all heads || without), nats, of the prediction after the text; of an encoder the mean over all positions.
      logit_diff: fall of the logit of the first answer less that of the second, after the text.
      distance: how far the last layer's output moved, mean over all positions of the length of the difference over the
        length before (models without a language head, which have nothing else).
    metric, method, stack: what was measured, what stood for the head's output, whose heads.
    Source: leave-one-out as in Michel et al. 2019 (arXiv 1905.10650), section 3.2.
    """

    values: Tensor
    metric: Metric
    method: Method
    stack: str

    @property
    def mean(self) -> Tensor:
        """[layer, head], over the texts."""
        return self.values.mean(0)


def sweep(
    model: AttentionModel,
    texts: str | Sequence[str],
    *,
    method: Method = "zero",
    metric: Metric = "loss",
    reference: str | Sequence[str] | HeadOutputs | None = None,
    answers: tuple[int, int] | None = None,
    stack: str | None = None,
    heads_off: Iterable[Head] = (),
    max_tokens: int | None = None,
    progress: Progress = no_progress,
) -> HeadImportance:
    """The importance of every head of a stack (None: the default one) on each of the texts.

    method, reference: as in `ablate`. answers: token ids for "logit_diff". heads_off: heads of the stack that are off
    throughout, in the same way; the values are still counted from the run with all heads on. Heads of a layer run as one
    batch, and from the layer that they stand in; an exception from `progress`, which is told before every pass, ends the
    work. Raises BadSelection, BadText, TextTooLong.
    """
    given = [texts] if isinstance(texts, str) else list(texts)
    name = _demand(model, given, metric, answers, stack)
    off = HeadsOff(tuple(heads_off), name, replacement(model, method, reference))
    rows = []
    for number, text in enumerate(given):
        encoded = encode_for(model, text, max_tokens=max_tokens)
        told = f" of text {number + 1} of {len(given)}" if len(given) > 1 else ""

        def share(message: str, fraction: float, number: int = number, told: str = told) -> None:
            progress(message + told, (number + fraction) / len(given))

        rows.append(_one_text(model, encoded, _Measure(metric, answers), off, share))
    progress("Every head has been switched off once", 1.0)
    return HeadImportance(torch.stack(rows), metric, method, name)


def _demand(
    model: AttentionModel, texts: list[str], metric: str, answers: tuple[int, int] | None, stack: str | None
) -> str:
    """The stack's name, where the sweep can be made."""
    demand_gates(model)
    if not texts:
        raise BadText("Importance is measured on a text, but none came; give one or more.")
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
        full = full[-without.shape[1] :].float()
        if self.metric == "kl":
            before, after = full.log_softmax(-1), without.float().log_softmax(-1)
            return (before.exp() * (before - after)).sum(-1).mean(-1).clamp(min=0)
        assert self.answers is not None
        right, wrong = self.answers
        return (full[-1, right] - full[-1, wrong]) - (without[:, -1, right] - without[:, -1, wrong]).float()


def _mean_loss(logits: Tensor, ids: Tensor) -> Tensor:
    """[batch], nats per token."""
    rows = [functional.cross_entropy(row[:-1].float(), ids[1:]) for row in logits]
    return torch.stack(rows)


def _one_text(
    model: AttentionModel, encoded: Encoded, measure: _Measure, off: HeadsOff, progress: Progress
) -> Tensor:
    """[layer, head]."""
    assert off.stack is not None
    always = gates(model, off)
    plan, last = model.plan, measure.last_only(model)
    runs = ResumedRuns(model, encoded, off.stack, always, last, without_head=measure.metric == "loss")
    full = whole_output(model, encoded) if off.heads else runs.output
    ids = torch.tensor(encoded.ids.get("target", encoded.ids.get("text")), device=model.device)
    counts = [plan.sites[plan.calls_of(off.stack, layer)[0]].heads for layer in range(plan.layers(off.stack))]
    found = torch.full((len(counts), max(counts)), torch.nan)
    wide = full.shape[-1] if runs.head is None else runs.head.in_features
    rows = heads_at_once(model, len(ids), 1 if last else len(ids), wide)
    for layer, heads in enumerate(counts):
        left = [head for head in range(heads) if (layer, head) not in off.heads]
        for chosen in torch.tensor(left, dtype=torch.long).split(rows) if left else ():
            progress(f"Switching off the heads of layer {layer}", layer / len(counts))
            calls = plan.calls_of(off.stack, layer)
            output = runs.run(layer, _one_each(off, always, calls, heads, chosen), len(chosen))
            found[layer, chosen] = measure(full, output[:, -1:] if last else output, ids, runs.head).cpu()
    return found


def _one_each(
    off: HeadsOff, always: dict[int, Gate], calls: Iterable[int], heads: int, chosen: Tensor
) -> dict[int, Gate]:
    """Gates of a layer's calls: row n without head chosen[n], and without those that are off throughout."""
    made = {}
    for call in calls:
        instead = None if off.instead is None else off.instead.per_call[call]
        made[call] = always.get(call, Gate(torch.ones(heads), instead)).repeated(len(chosen))
        made[call].keep[torch.arange(len(chosen)), chosen] = 0.0
    return made
