"""Keys in two parts: a rotary key of few dimensions that all heads share, and the rest, which comes from the latent.

The rotary embedding turns dimensions f and f + d_head / 2 of a key together: as one complex number k_f it is multiplied by
exp(i pos theta_f), the same for all key/value heads. So directions that mix the heads within one frequency may be chosen
freely (as TransMLA's RoRoPE does, arXiv 2502.07864, section 4.2, with real mixtures): here the principal ones of the keys,
weighed by how long the queries are that read them. Directions kept go into the rotary key. Of the others the rotation is
dropped: exp(-i distance theta_f) is replaced by its mean over the distances that heads look back, which is near 1 where
theta_f is small and near 0 where nothing could be said without the position.

With all directions kept this is the original, and the latent holds values alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.conversion.calibration import CONTEXT, LayerMoments
from models.conversion.factors import Projections

# Weight (1 + distance)^-LOOK_BACK of a distance: heads look near far more than far. Perplexity of smollm2-135m at half of
# its cache, over the original's: 1.63 with 0.5, 1.29 with 1, 1.24 with 1.25 and 1.5, 1.52 with 2.
LOOK_BACK = 1.5


@dataclass(frozen=True, slots=True)
class RotaryBasis:
    """One layer's keys by frequency, in directions that mix the key/value heads; complex128, the strongest first.

    key [frequency, direction, d_model], bias [frequency, direction]: the mixed keys are key @ x + bias. mixing [kv_head,
    frequency, direction]: a head's key is the sum over directions of mixing times mixed key, and so its queries take part
    in a direction by the conjugate. energy [frequency, direction]: E|q|^2 E|k|^2 / d_head of what a direction adds to scores.
    """

    key: Tensor
    bias: Tensor
    mixing: Tensor
    energy: Tensor


def rotary_basis(weights: Projections, seen: LayerMoments) -> RotaryBasis:
    """The principal directions of a layer's keys within each frequency."""
    key = _paired(weights.key, weights.kv_heads)
    bias = _paired(weights.key_bias[:, None], weights.kv_heads)[..., 0]
    width = weights.key.shape[0] // weights.kv_heads
    lengths = seen.query.diagonal(dim1=1, dim2=2).unflatten(-1, (2, -1)).sum(1)  # E|q|^2 [kv_head, frequency]
    weight = lengths.clamp(min=1e-9 * lengths.max() + torch.finfo(lengths.dtype).tiny).sqrt().to(key.dtype)
    mean = key @ seen.mean.to(key.dtype) + bias
    moment = torch.einsum("gfd,de,hfe->fgh", key, seen.covariance.to(key.dtype), key.conj())
    moment = moment + torch.einsum("gf,hf->fgh", mean, mean.conj())
    values, vectors = torch.linalg.eigh(weight.T[:, :, None] * moment * weight.T[:, None, :])
    vectors = vectors.flip(-1).transpose(0, 1)  # [kv_head, frequency, direction]
    mixed = vectors.conj() * weight[..., None]
    return RotaryBasis(
        key=torch.einsum("gfj,gfd->fjd", mixed, key),
        bias=torch.einsum("gfj,gf->fj", mixed, bias),
        mixing=vectors / weight[..., None],
        energy=values.flip(-1).clamp(min=0) / width,
    )


def without_rotation(frequencies: Tensor) -> Tensor:
    """What stands for the rotation where it is dropped: its mean over distances, complex128 [frequency].

    frequencies: theta, radians per token.
    """
    distances = torch.arange(CONTEXT, dtype=torch.float64)
    weight = (1 + distances) ** -LOOK_BACK
    turns = torch.exp(-1j * torch.outer(frequencies.double(), distances))
    return turns @ (weight / weight.sum()).to(turns.dtype)


def kept_directions(bases: Sequence[RotaryBasis], still: Tensor, count: int) -> Tensor:
    """Which directions keep their rotation, bool [frequency, direction], the same in all layers, which share one rotary
    embedding: those whose scores would suffer most without, summed over the layers. still: of `without_rotation`.
    """
    lost = sum(basis.energy for basis in bases) * (1 - still.abs().square())[:, None]
    assert isinstance(lost, Tensor)
    kept = torch.zeros(lost.numel(), dtype=torch.bool)
    kept[lost.flatten().argsort(descending=True, stable=True)[:count]] = True
    return kept.view(lost.shape)


def rotary_key(basis: RotaryBasis, kept: Tensor) -> tuple[Tensor, Tensor]:
    """The shared key of the kept directions, [2 * direction, d_model] and its bias: real parts, then imaginary ones."""
    key, bias = basis.key[kept], basis.bias[kept]
    return torch.cat([key.real, key.imag]), torch.cat([bias.real, bias.imag])


def rotary_queries(query: Tensor, basis: RotaryBasis, kept: Tensor) -> Tensor:
    """How the heads read the shared key, [head, 2 * direction, d_model]; query: W_Q [head, d_head, d_model], float64."""
    paired = _paired(query.flatten(0, 1), len(query))
    frequency = kept.nonzero()[:, 0]
    mixing = basis.mixing[:, kept].conj().repeat_interleave(len(query) // len(basis.mixing), 0)
    mixed = paired[:, frequency] * mixing[..., None]
    return torch.cat([mixed.real, mixed.imag], 1)


def content(weights: Projections, basis: RotaryBasis, kept: Tensor, still: Tensor) -> Projections:
    """The layer's projections with keys that lack the kept directions and stand still: what the latent is to hold."""
    mixing = basis.mixing * ~kept * still[:, None]
    key = torch.einsum("gfj,fjd->gfd", mixing, basis.key)
    bias = torch.einsum("gfj,fj->gf", mixing, basis.bias)
    return replace(weights, key=_unpaired(key), key_bias=_unpaired(bias[..., None])[:, 0])


def _paired(rows: Tensor, heads: int) -> Tensor:
    """Rows [head * d_head, d_model] as complex numbers [head, d_head / 2, d_model], as transformers' rotate_half pairs them."""
    real, imaginary = rows.unflatten(0, (heads, 2, -1)).unbind(1)
    return torch.complex(real, imaginary)


def _unpaired(rows: Tensor) -> Tensor:
    return torch.stack([rows.real, rows.imag], 1).flatten(0, 2)
