"""A norm of one pass with its statistics held fixed: it is linear then, and says of each part what goes through it.

Which norm a module is, is measured: its gain and bias by two probes, whether it centres and by how much it scaled each position
by what it made of this text. No class is told by its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from models.why.agreement import agrees

# What modules that are no norms make of one lone vector.
UNFIT = (RuntimeError, TypeError, ValueError, IndexError, KeyError, AttributeError)


@dataclass(frozen=True, slots=True)
class FixedNorm:
    """What a LayerNorm or RMSNorm was in one pass: scale * gain * (x - mean of x, where it centres) + bias.

    gain, bias: of each dimension. scale: of each position, 1 / sqrt(variance + eps), or of the mean square.
    Sources: Ba et al. 2016 (arXiv 1607.06450), equation 4; Zhang & Sennrich 2019 (arXiv 1910.07467), equation 4.
    """

    gain: Float32[Tensor, " d_model"]
    bias: Float32[Tensor, " d_model"]
    scale: Float32[Tensor, " pos"]
    centred: bool

    def linear(
        self, vectors: Float[Tensor, "*row d_model"], positions: int | slice = slice(None)
    ) -> Float32[Tensor, "*row d_model"]:
        """What the norm makes of a part of what it read, its bias left out: of one position, or [..., pos, d_model]."""
        vectors = vectors.float()
        if self.centred:
            vectors = vectors - vectors.mean(-1, keepdim=True)
        return vectors * self.scale[positions][..., None] * self.gain

    def pulled_back(
        self, direction: Float[Tensor, "*row d_model"], positions: int | slice = slice(None)
    ) -> Float32[Tensor, "*row d_model"]:
        """The direction on what was read whose product is that of `direction` with what came out, its bias left out."""
        before = direction.float() * self.gain * self.scale[positions][..., None]
        return before - before.mean(-1, keepdim=True) if self.centred else before


@torch.no_grad()
def measured_norm(module: nn.Module, given: Tensor, made: Tensor) -> FixedNorm | None:
    """The norm that a module was when it made `made` of `given`, both [pos, d_model]; None where it is none."""
    probe = _probe(given.shape[-1], given)
    try:
        at_rest, answered = (_answer(module, one) for one in (torch.zeros_like(probe), probe))
    except UNFIT:
        return None
    if at_rest.shape != probe.shape or answered.shape != probe.shape:
        return None
    gain = (answered - at_rest).float() / probe.float() * probe.float().square().mean().sqrt()
    for centred in (False, True):
        found = _fitted(gain, at_rest.float(), given.float(), made.float(), centred)
        if agrees(found.linear(given) + found.bias, made, given.dtype):
            return found
    return None


def _probe(width: int, like: Tensor) -> Tensor:
    """[width], of mean 0 and without a 0, so that every kind of norm shows its gain: 1, -1, ..., and 1, 1, -2 where odd."""
    probe = torch.ones(width, device=like.device, dtype=like.dtype)
    probe[1::2] = -1.0
    if width % 2:
        probe[-3:] = torch.tensor([1.0, 1.0, -2.0]).to(probe)
    return probe


def _answer(module: Any, vector: Tensor) -> Tensor:
    return module(vector[None, None])[0, 0]


def _fitted(gain: Tensor, bias: Tensor, given: Tensor, made: Tensor, centred: bool) -> FixedNorm:
    """With the scale of each position that comes nearest to what was made."""
    spread = given - given.mean(-1, keepdim=True) if centred else given
    shaped = spread * gain
    scale = ((made - bias) * shaped).sum(-1) / shaped.square().sum(-1).clamp(min=1e-30)
    return FixedNorm(gain, bias, scale, centred)
