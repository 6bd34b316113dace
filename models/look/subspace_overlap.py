"""How alike the row spaces of matrices are: of W_UK or W_UV, what each head reads of a latent."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.progress import Progress, no_progress

ROWS = 32  # of every projector that are compared at once


@dataclass(frozen=True, slots=True)
class SubspaceOverlap:
    """How alike the parts of the latent are that two heads read: the row spaces of their W_UK (or W_UV).

    overlap: mean squared cosine of the principal angles [head, head], 1 where one space holds the other, 0 where they share
    nothing; it is the trace of the product of the two projectors over the smaller dimension, so that no angle need be known.
    chance: [head, head], the overlap to expect of random spaces of these dimensions (larger dimension / kv_lora_rank).
    ranks: dimension of each head's space [head].
    """

    overlap: Tensor
    chance: Tensor
    ranks: Tensor


def subspace_overlap(weights: Tensor, *, progress: Progress = no_progress) -> SubspaceOverlap:
    """The overlap of the row spaces of any matrices [head, width, kv_lora_rank]."""
    heads, _, rank = weights.shape
    bases, ranks = _row_spaces(weights.double())
    bases = bases.float()  # exact enough from here on, and twice as fast
    traces = torch.zeros(heads, heads, dtype=torch.float64)
    for start in range(0, rank, ROWS):  # all projectors at once would not fit where there are many heads
        progress("Comparing what each pair of heads reads", start / rank)
        rows = (bases[:, start : start + ROWS] @ bases.mT).flatten(1)
        traces += rows @ rows.T
    smaller = torch.minimum(ranks[:, None], ranks)
    return SubspaceOverlap(
        overlap=(traces / smaller.clamp(min=1)).float(),
        chance=torch.maximum(ranks[:, None], ranks) / rank,
        ranks=ranks,
    )


def subspace_angles(first: Tensor, second: Tensor) -> Tensor:
    """Principal angles between the row spaces of two matrices [width, kv_lora_rank], as `head_angles` gives them.

    Source: Björck & Golub 1973 (Mathematics of Computation 27), theorem 1: cosines are the singular values of Q_a^T Q_b.
    """
    bases, ranks = _row_spaces(torch.stack([first, second]).double())
    cosines = torch.linalg.svdvals(bases[0].T @ bases[1])[: int(ranks.min())]
    return cosines.clamp(max=1.0).acos().float()


def _row_spaces(weights: Tensor) -> tuple[Tensor, Tensor]:
    """Orthonormal bases of the rows' spans [head, kv_lora_rank, width], with zeros in place of what a span lacks, and their
    dimensions [head], as NumPy's matrix_rank finds them in float32.
    """
    orthonormal, triangular = torch.linalg.qr(
        weights.mT
    )  # the singular values of a small factor are those of the whole
    left, values, _ = torch.linalg.svd(triangular, full_matrices=False)
    least = values.amax(-1, keepdim=True) * max(weights.shape[1:]) * torch.finfo(torch.float32).eps
    real = values > least
    return (orthonormal @ left) * real[:, None], real.sum(-1)
