"""How much the loss depends on each head, for all heads from one backward pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torch.nn import functional

from models.errors import BadSelection
from models.progress import Progress, no_progress
from models.pruning.measured import demand_numbers, demand_prunable, encoded_texts, has_loss
from models.run.head_gates import gated_stack
from models.run.inputs import Encoded
from models.run.interventions import Gate
from models.run.model import AttentionModel
from models.run.tap import Tap, tapped


@dataclass(frozen=True, slots=True)
class GradientImportance:
    """How much the loss would change if a head's output were scaled, to first order.

    raw: [layer, head], mean over texts of |Att_h^T dL/dAtt_h|, nats per token, texts of one token, which have no loss, left
    out; NaN where a layer has fewer heads.
    normalized: the same, each layer divided by its l2 norm, as the source does before heads are ranked.
    Source: Michel et al. 2019 (arXiv 1905.10650), section 4.1.
    """

    raw: Float32[Tensor, "layer head"]
    stack: str

    @property
    def normalized(self) -> Float32[Tensor, "layer head"]:
        """[layer, head], each layer with a norm of 1 (all zeros where nothing depends on it)."""
        norm = self.raw.nan_to_num().norm(dim=1, keepdim=True)
        return self.raw / norm.clamp(min=torch.finfo(torch.float32).tiny)


def gradient_importance(
    model: AttentionModel,
    texts: str | Sequence[str],
    *,
    stack: str | None = None,
    max_tokens: int | None = None,
    progress: Progress = no_progress,
) -> GradientImportance:
    """The gradient importance of every head of a stack on texts; L is a text's mean loss, nats per token.

    No weight gets a gradient: what is derived by is a factor of 1 on each head's output. Raises BadSelection for encoders,
    which have no loss per token, and where heads cannot be switched off; BadText, TextTooLong.
    """
    demand_prunable(model)
    name = gated_stack(model, stack)
    if model.geometry.role == "encoder":
        raise BadSelection(
            f"{model.name} looks both ways, so it has no loss per token to derive; use a sweep, which compares outputs."
        )
    if model.module.get_output_embeddings() is None:
        raise BadSelection(
            f"The weights of {model.name} have no language head, so there is no loss to derive; use a sweep by “distance”."
        )
    given = encoded_texts(model, texts, max_tokens, by_loss=True)
    found = []
    for number, encoded in enumerate(given):
        progress(f"Deriving the loss of text {number + 1} of {len(given)}", number / len(given))
        if has_loss(encoded):
            gradients = _gradients(model, encoded, name)
            for own in gradients:
                demand_numbers(model, own, number)
            found.append(padded(gradients).abs())
    progress("The loss is derived", 1.0)
    return GradientImportance(torch.stack(found).mean(0), name)


def _gradients(model: AttentionModel, encoded: Encoded, stack: str) -> list[Tensor]:
    """dL/d(factor on a head's output) [head] of each layer."""
    plan = model.plan
    calls = [plan.calls_of(stack, layer) for layer in range(plan.layers(stack))]
    factors = [
        torch.ones(plan.sites[own[0]].heads, device=model.device, requires_grad=True, dtype=torch.float32)
        for own in calls
    ]
    gates = {call: Gate(factor) for own, factor in zip(calls, factors, strict=True) for call in own}
    with torch.enable_grad(), tapped(Tap(gates=gates)):
        logits = model.module(**encoded.inputs).logits[0]
        ids = torch.tensor(encoded.predicted, device=logits.device)
        loss = functional.cross_entropy(logits[:-1].float(), ids[1:])
        found = torch.autograd.grad(loss, factors)
    return [gradient.cpu() for gradient in found]


def padded(layers: Sequence[Tensor]) -> Tensor:
    """A number a head, [head] of each layer, as [layer, head], NaN where a layer has fewer."""
    return nn.utils.rnn.pad_sequence(list(layers), batch_first=True, padding_value=torch.nan)
