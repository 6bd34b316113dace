"""The low-rank factors of one layer: which latent keeps most of what its keys and values are read for.

With the projections of keys and values stacked, W = [W_K; W_V], inputs x with covariance C = L L^T, and a weight D on the
outputs that says what an error in them costs, the best map of rank r minimises

    E || D (W - W') (x - E x) ||^2 = || D (W - W') L ||_F^2,

so by Eckart and Young (1936) it is D^-1 U_r U_r^T D W, with U_r the first r left singular vectors of D W L. The mean goes
into the bias of the expansion, where it costs no rank. D is block diagonal, one block a key/value head:

- keys: the root of E[q q^T] / d_head, so that || D e ||^2 is the squared error of the scores that an error e of a key makes;
- values: the root of the sum of W_O^T W_O over the heads that read them, so that it is the squared error of their outputs;
- keys and values are balanced by their mean energies: each block is scaled so that E || D_K (k - E k) ||^2 and
  E || D_V (v - E v) ||^2 are equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from models.conversion.calibration import LayerMoments

RIDGE = 1e-6  # of the mean diagonal, so that what the calibration text never used is kept as well as the rank allows


@dataclass(frozen=True, slots=True)
class Projections:
    """One layer's weights, float64. key, value [kv_head * d_head, d_model] and their biases [kv_head * d_head];
    output: W_O [d_model, head * d_head]; heads, kv_heads: how many there are of each.
    """

    key: Tensor
    value: Tensor
    key_bias: Tensor
    value_bias: Tensor
    output: Tensor
    heads: int
    kv_heads: int


@dataclass(frozen=True, slots=True)
class Factors:
    """down [kv_rank, d_model], up [2 * kv_head * d_head, kv_rank] (keys, then values) and bias [2 * kv_head * d_head]:
    keys and values are up @ (down @ x) + bias.
    """

    down: Float64[Tensor, "kv_rank d_model"]
    up: Float64[Tensor, "output kv_rank"]
    bias: Float64[Tensor, " output"]


@dataclass(frozen=True, slots=True)
class Spectrum:
    """A layer's latent directions, float64, the most useful first.

    values [direction]: the share of the weighted energy of keys and values that a direction holds; they add up to 1.
    down [direction, d_model], up [2 * kv_head * d_head, direction]: the factors at full rank. A cut of both to the first
    r is the best of rank r; see the module's text. matrix [2 * kv_head * d_head, d_model], bias, mean [d_model].
    """

    values: Float64[Tensor, " direction"]
    down: Float64[Tensor, "direction d_model"]
    up: Float64[Tensor, "output direction"]
    matrix: Float64[Tensor, "output d_model"]
    bias: Float64[Tensor, " output"]
    mean: Float64[Tensor, " d_model"]

    def cut(self, rank: int) -> Factors:
        """The factors of that rank; at full rank they are the projections themselves."""
        down, up = self.down[:rank], self.up[:, :rank]
        lost = self.matrix @ self.mean - up @ (down @ self.mean)
        return Factors(down, up, self.bias + lost)


def spectrum(weights: Projections, seen: LayerMoments, whole: Projections | None = None) -> Spectrum:
    """The latent directions of one layer, sorted by what they hold of its keys and values.

    whole: by whose keys and values the two are balanced, where `weights` are a part of them; else by themselves.
    """
    matrix = torch.cat([weights.key, weights.value])
    root = _root(seen.covariance)
    weight, inverse = _output_weights(whole or weights, seen, root)
    left, values, _ = torch.linalg.svd(weight @ matrix @ root, full_matrices=False)
    energy = values.square() / values.square().sum()
    scale = values.square().mean().sqrt()  # latents of about unit variance
    return Spectrum(
        values=energy,
        down=left.T @ weight @ matrix / scale,
        up=inverse @ left * scale,
        matrix=matrix,
        bias=torch.cat([weights.key_bias, weights.value_bias]),
        mean=seen.mean,
    )


def _output_weights(weights: Projections, seen: LayerMoments, root: Tensor) -> tuple[Tensor, Tensor]:
    """D and its inverse, [2 * kv_head * d_head] squared."""
    width = weights.key.shape[0] // weights.kv_heads
    output = weights.output.unflatten(1, (weights.kv_heads, -1, width))  # [d_model, kv_head, group, d_head]
    read = torch.einsum("mkgd,mkge->kde", output, output)
    blocks = []
    for moment, matrix in ((seen.query / width, weights.key), (read, weights.value)):
        roots = torch.stack([_root(part).T for part in moment])
        block = torch.block_diag(*roots)
        energy = (block @ matrix @ root).square().sum()
        blocks.append(block / energy.sqrt().clamp(min=torch.finfo(torch.float64).tiny))
    weight = torch.block_diag(*blocks)
    return weight, torch.linalg.inv(weight)


def _root(moment: Tensor) -> Tensor:
    """A lower triangular L with L L^T the given moment, kept off the singular by a ridge."""
    size = moment.shape[0]
    ridge = RIDGE * moment.diagonal().mean() + torch.finfo(torch.float64).tiny
    return torch.linalg.cholesky(moment + ridge * torch.eye(size, dtype=moment.dtype))
