"""Whether a smaller model computes what the whole one computes with the heads switched off."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.progress import Progress, no_progress
from models.run.forward_pass import forward_pass
from models.run.head_gates import Heads, gates, plain
from models.run.inputs import Text, encode
from models.run.model import AttentionModel
from models.run.tap import Tap, tapped

BLOCK = 256  # positions that are compared at once, for logits are wide


@dataclass(frozen=True, slots=True)
class Sameness:
    """Largest difference of two models' outputs on one text, measured.

    difference: the largest absolute one, over all positions. scale: the largest absolute output of the model whose
    heads are switched off. outputs: "logits", or "vectors" of a model without a language head.
    """

    difference: float
    scale: float
    tokens: int
    outputs: str

    @property
    def relative(self) -> float:
        """The difference as a share of the outputs' scale."""
        return self.difference / self.scale


def compare_with_gated(
    model: AttentionModel,
    smaller: AttentionModel,
    text: Text,
    heads: Heads,
    *,
    stack: str | None = None,
    max_tokens: int | None = None,
    progress: Progress = no_progress,
) -> Sameness:
    """Run a text through `smaller`, and through `model` with the heads switched off by zeros. Raises BadText, TextTooLong."""
    inputs = encode(model, text, max_tokens).inputs
    with torch.inference_mode():
        progress("Reading the text with the heads switched off", 0.1)
        with tapped(Tap(gates=gates(model, plain(heads, stack, "Comparing with a smaller model")))):
            gated, outputs = _outputs(model, inputs)
        progress("Reading the text with the smaller model", 0.5)
        removed, _ = _outputs(smaller, inputs)
        pairs = list(zip(gated.split(BLOCK), removed.split(BLOCK), strict=True))
        most = max((one.float() - other.float()).abs().max().item() for one, other in pairs)
        scale = max(one.float().abs().max().item() for one, _ in pairs)
    progress("Compared", 1.0)
    return Sameness(most, scale, len(gated), outputs)


def _outputs(model: AttentionModel, inputs: dict[str, Tensor]) -> tuple[Tensor, str]:
    """[pos, width] of the one text, and what they are."""
    made = forward_pass(model.module, inputs)
    logits = getattr(made, "logits", None)
    return (made.last_hidden_state[0], "vectors") if logits is None else (logits[0], "logits")
