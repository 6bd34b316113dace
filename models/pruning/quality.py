"""How well a model does on texts with any set of heads off: by its loss, or by how far its output moves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from models.look.capturing import forward
from models.look.token_losses import losses_of
from models.progress import Progress
from models.pruning.ablation import divergence
from models.pruning.measured import demand_numbers, encoded_texts
from models.run.head_gates import Head, HeadOutputs, HeadsOff, gates
from models.run.inputs import Encoded
from models.run.model import AttentionModel
from models.run.tap import Tap, tapped

Quantity = Literal["loss", "kl", "distance"]


def quantity_of(model: AttentionModel) -> Quantity:
    """What tells best how well a model does.

    "loss" of models that predict each token from those before it; "kl" of encoders, which only have predictions to compare;
    "distance" of models without a language head, which only have outputs to compare.
    """
    if model.module.get_output_embeddings() is None:
        return "distance"
    return "kl" if model.geometry.role == "encoder" else "loss"


def distance(before: Tensor, after: Tensor) -> Tensor:
    """How far outputs [..., pos, d_model] moved, [..., pos]: the length of the difference over the length before."""
    before, after = before.float(), after.float()
    return (after - before).norm(dim=-1) / before.norm(dim=-1).clamp(min=torch.finfo(torch.float32).tiny)


@dataclass(frozen=True, eq=False)
class PrunedQuality:
    """The texts, read once with all heads on.

    full: for "kl" and "distance" each text's output with all heads on, [pos, vocab | d_model].
    """

    model: AttentionModel
    encoded: tuple[Encoded, ...]
    quantity: Quantity
    full: tuple[Tensor, ...]
    stack: str
    instead: HeadOutputs | None

    def without(self, heads: Iterable[Head], progress: Progress) -> float:
        """The mean over all positions of all texts with these heads off, nats per token; of "distance" a share.

        One pass a text. Raises BadSelection where the model puts out NaN.
        """
        off = HeadsOff(tuple(heads), self.stack, self.instead)
        total, positions = 0.0, 0
        for number, encoded in enumerate(self.encoded):
            told = f", text {number + 1} of {len(self.encoded)}" if len(self.encoded) > 1 else ""
            progress(f"Running without {len(off.heads)} heads{told}", number / len(self.encoded))
            found = self._of_one(encoded, number, off)
            demand_numbers(self.model, found, number)
            total += found.sum().item()
            positions += len(found)
        return total / positions

    def _of_one(self, encoded: Encoded, number: int, off: HeadsOff) -> Tensor:
        """[pos], of the positions that count."""
        output = whole_output(self.model, encoded, off)
        if self.quantity == "loss":
            return losses_of(output, encoded.predicted)[1:]
        if self.quantity == "kl":
            return divergence(self.full[number], output, len(output))
        return distance(self.full[number], output)


def pruned_quality(
    model: AttentionModel,
    texts: str | Sequence[str],
    stack: str,
    instead: HeadOutputs | None,
    max_tokens: int | None,
) -> PrunedQuality:
    """Raises BadText where the texts hold nothing to measure, TextTooLong."""
    quantity = quantity_of(model)
    encoded = encoded_texts(model, texts, max_tokens, by_loss=quantity == "loss")
    full = () if quantity == "loss" else tuple(whole_output(model, one) for one in encoded)
    return PrunedQuality(model, encoded, quantity, full, stack, instead)


def whole_output(model: AttentionModel, encoded: Encoded, off: HeadsOff | None = None) -> Tensor:
    """Logits of all positions [pos, vocab]; without a language head the last layer's output, [pos, d_model]."""
    with torch.inference_mode(), tapped(Tap(gates=gates(model, off or ()))):
        output: Any = forward(model, encoded, all_logits=True)
    return output.last_hidden_state[0] if getattr(output, "logits", None) is None else output.logits[0]
