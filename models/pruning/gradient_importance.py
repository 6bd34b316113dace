"""How much the loss depends on each head, for all heads from one backward pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from models.capturing import encode_for
from models.errors import BadSelection, BadText
from models.head_gates import Gate, demand_gates, gated_stack
from models.inputs import Encoded
from models.model import AttentionModel
from models.progress import Progress, no_progress
from models.tap import Tap, tapped


@dataclass(frozen=True, slots=True)
class GradientImportance:
    """How much the loss would change if a head's output were scaled, to first order.

    raw: [layer, head], mean over texts of |Att_h^T dL/dAtt_h|, nats per token; NaN where a layer has fewer heads.
    normalized: the same, each layer divided by its l2 norm, as the source does before heads are ranked.
    Source: Michel et al. 2019 (arXiv 1905.10650), section 4.1.
    """

    raw: Tensor
    stack: str

    @property
    def normalized(self) -> Tensor:
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
    demand_gates(model)
    name = gated_stack(model, stack)
    if model.geometry.role == "encoder":
        raise BadSelection(
            f"{model.name} looks both ways, so it has no loss per token to derive; use a sweep, which compares outputs."
        )
    if model.module.get_output_embeddings() is None:
        raise BadSelection(
            f"The weights of {model.name} have no language head, so there is no loss to derive; use a sweep by “distance”."
        )
    given = [texts] if isinstance(texts, str) else list(texts)
    if not given:
        raise BadText("Importance is measured on a text, but none came; give one or more.")
    total: Tensor | float = 0.0
    for number, text in enumerate(given):
        progress(f"Deriving the loss of text {number + 1} of {len(given)}", number / len(given))
        total = total + _gradients(model, encode_for(model, text, max_tokens=max_tokens), name).abs()
    progress("The loss is derived", 1.0)
    assert isinstance(total, Tensor)
    return GradientImportance(total / len(given), name)


def _gradients(model: AttentionModel, encoded: Encoded, stack: str) -> Tensor:
    """dL/d(factor on a head's output) [layer, head]."""
    plan = model.plan
    calls = [plan.calls_of(stack, layer) for layer in range(plan.layers(stack))]
    factors = [torch.ones(plan.sites[own[0]].heads, device=model.device, requires_grad=True) for own in calls]
    gates = {call: Gate(factor) for own, factor in zip(calls, factors, strict=True) for call in own}
    with torch.enable_grad(), tapped(Tap(gates=gates)):
        logits = model.module(**encoded.inputs).logits[0]
        ids = torch.tensor(encoded.ids.get("target", encoded.ids.get("text")), device=logits.device)
        loss = functional.cross_entropy(logits[:-1].float(), ids[1:])
        found = torch.autograd.grad(loss, factors)
    made = torch.full((len(calls), max(map(len, factors))), torch.nan)
    for layer, gradient in enumerate(found):
        made[layer, : len(gradient)] = gradient.cpu()
    return made
