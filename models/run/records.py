"""What a capture keeps of one layer: the inputs of its attention call, or finished patterns where there are no others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from models.run.attention_call import AttentionCall
from models.run.latent_record import LatentRecord


class Patterns(Protocol):
    """What the engine needs to draw a layer's heads."""

    @property
    def heads(self) -> int: ...
    @property
    def queries(self) -> int: ...
    @property
    def keys(self) -> int: ...
    def weights(self, head: int | None = None, rows: slice = ...) -> Tensor: ...
    def visible(self, rows: slice = ...) -> Tensor: ...
    def upto(self, last_row: int) -> Patterns: ...


@dataclass(frozen=True, slots=True)
class FinishedPatterns:
    """Patterns that a model's own eager attention returned, float [head, query, key]."""

    pattern: Float[Tensor, "head query key"]

    @property
    def heads(self) -> int:
        """How many there are."""
        return self.pattern.shape[0]

    @property
    def queries(self) -> int:
        """How many positions look."""
        return self.pattern.shape[1]

    @property
    def keys(self) -> int:
        """How many positions are looked at."""
        return self.pattern.shape[2]

    def weights(
        self, head: int | None = None, rows: slice = slice(None)
    ) -> Float32[Tensor, "*head query key"]:
        """The patterns, float32: [query, key] of one head, [head, query, key] of all; `rows` selects queries."""
        return (self.pattern if head is None else self.pattern[head])[..., rows, :].float()

    def visible(self, rows: slice = slice(None)) -> Bool[Tensor, "1 query key"]:
        """Which keys each query may look at: bool [1, query, key]."""
        # Hidden keys have a weight of exactly zero in every head; a visible one hardly ever has.
        return self.pattern[:, rows].gt(0).any(dim=0, keepdim=True)

    def upto(self, last_row: int) -> FinishedPatterns:
        """These patterns: they are worked out whatever is left out."""
        return self


@dataclass(frozen=True, slots=True)
class LayerRecord:
    """One layer of one stack.

    attention: the call's inputs, or finished patterns.
    output_weight: W_O as [head * d_value, d_model], by reference; value_norms: ||v W_O|| [head, key], once known.
    latent: what latent attention (MLA) caches; None for other kinds.
    """

    attention: AttentionCall | FinishedPatterns
    output_weight: Float[Tensor, "width d_model"] | None = None
    value_norms: Float32[Tensor, "head key"] | None = None
    latent: LatentRecord | None = None

    def norms(self) -> Float32[Tensor, "head key"] | None:
        """||v_k W_O^h|| for every head and key, float32 [head, key]; None where the model's heads are not so separable."""
        if self.value_norms is not None:
            return self.value_norms
        call = self.attention
        if self.output_weight is None or isinstance(call, FinishedPatterns):
            return None
        per_head = self.output_weight.view(call.heads, -1, self.output_weight.shape[-1])
        value = call.per_head(call.value)
        if per_head.shape[1] != value.shape[2]:
            return None
        written: list[Any] = [v.float() @ w.float() for v, w in zip(value, per_head, strict=True)]
        return torch.stack([vectors.norm(dim=-1) for vectors in written])

    def with_norms(self) -> LayerRecord:
        """The same record with its norms worked out and the reference to the model's weights let go."""
        return replace(self, output_weight=None, value_norms=self.norms())


def output_weight(projection: nn.Module) -> Tensor | None:
    """W_O as [heads * d_value, d_model]: linear layers store its transpose, GPT-2's Conv1D stores it so."""
    weight = projection.weight
    if not isinstance(weight, Tensor) or weight.ndim != 2 or weight.is_quantized:
        return None
    return weight if isinstance(projection, Conv1D) else weight.T
