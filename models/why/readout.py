"""From the end of the residual stream to logits: final norm, language head, and what they are multiplied with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from models.errors import BadSelection, UnsupportedModel
from models.run.model import AttentionModel
from models.run.named_parts import named_parts
from models.why.agreement import agrees
from models.why.fixed_norm import FixedNorm, measured_norm
from models.why.watching import Heard, same


@dataclass(frozen=True, slots=True)
class Readout:
    """How a model made its logits in one pass: factor * (head of (head_factor * norm of the stream)), and then a cap, if any.

    norm: with this pass's statistics; norm_path, head_path: the two modules in the model. softcap: c of c * tanh(logit / c)
    (Gemma 2, arXiv 2408.00118), None where logits stay as they are.
    """

    norm: FixedNorm
    norm_path: str
    head_path: str
    head_factor: float
    factor: float
    softcap: float | None

    def logits_of(
        self, model: AttentionModel, stream: Float[Tensor, "*row d_model"]
    ) -> Float32[Tensor, "*row vocab"]:
        """The logits that the model would put out, were this the end of its residual stream; its norm works anew on it."""
        parts: Any = model.module
        normed = parts.get_submodule(self.norm_path)(stream.to(model.dtype))
        logits = parts.get_submodule(self.head_path)(normed * self.head_factor).float() * self.factor
        return logits if self.softcap is None else torch.tanh(logits / self.softcap) * self.softcap


def head_path(model: AttentionModel) -> str:
    """Path of the language head. Raises BadSelection where there is none."""
    head: Any = model.module.get_output_embeddings() if model.module.can_generate() else None
    if not isinstance(head, nn.Linear):
        raise BadSelection(
            f"{model.name} has no language head that is one matrix, so it says nothing that could be explained; choose a "
            "model that predicts words."
        )
    return next(path for path, part in named_parts(model.module) if part is head)


def language_head(model: AttentionModel, path: str) -> tuple[Tensor, Tensor | None]:
    """Its matrix [vocab, d_model] and its bias [vocab], as they are stored."""
    part: Any = model.module.get_submodule(path)
    return part.weight, part.bias


def find_readout(
    model: AttentionModel, calls: Sequence[Heard], end: Tensor, logits: Tensor
) -> tuple[Readout, Float[Tensor, "pos vocab"]]:
    """How the logits came of the end of the residual stream, and what they were before a cap.

    Raises UnsupportedModel where something else than a norm, a matrix, factors and a cap stands there.
    """
    path = head_path(model)
    head = next((call for call in reversed(calls) if call.path == path), None)
    first = next((call for call in reversed(calls) if call.path != path and same(call.given, end)), None)
    if head is None or first is None:
        raise _refused(model)
    norm = measured_norm(model.module.get_submodule(first.path), first.given, first.made)
    if norm is None:
        raise _refused(model)
    head_factor = _factor(model, first.made, head.given)
    softcap = getattr(model.module.config.get_text_config(), "final_logit_softcapping", None)
    if softcap is not None and agrees(torch.tanh(head.made.float() / softcap) * softcap, logits, model.dtype):
        return Readout(norm, first.path, path, head_factor, 1.0, float(softcap)), head.made
    factor = _factor(model, head.made, logits)
    return Readout(norm, first.path, path, head_factor, factor, None), logits


def _factor(model: AttentionModel, given: Tensor, made: Tensor) -> float:
    """What one tensor is of another. Raises UnsupportedModel where it is no multiple."""
    if same(given, made):
        return 1.0
    one, other = given.float(), made.float()
    found = ((one * other).sum() / one.square().sum()).item()
    if not agrees(one * found, other, model.dtype):
        raise _refused(model)
    return found


def _refused(model: AttentionModel) -> UnsupportedModel:
    return UnsupportedModel(
        f"{model.name} ({type(model.module).__name__}) makes its logits by more than a norm and a matrix at the end of its "
        "residual stream, so they cannot be split into what its parts wrote; choose another model."
    )
