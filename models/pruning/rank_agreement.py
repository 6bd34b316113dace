"""Whether two measures put heads in the same order."""

from __future__ import annotations

import torch
from torch import Tensor


def ranks(values: Tensor) -> Tensor:
    """The place of each of the numbers [n], 1 for the highest, float64 [n]; equal numbers share the mean of their places."""
    flat = values.double()
    above = (flat[None] > flat[:, None]).sum(1)
    equal = (flat[None] == flat[:, None]).sum(1)
    return above + (equal + 1) / 2


def rank_agreement(first: Tensor, second: Tensor) -> float:
    """Spearman's rank correlation of two measures of the same heads, tensors of one shape: 1 for the same order, -1 for the
    reverse, around 0 for orders that have nothing to do with each other.

    Places that are NaN in one of the two are left out. NaN where one measure is the same for all heads, or of fewer than
    two heads. Source: Spearman 1904; the correlation of the ranks, with equal values at the mean of their places.
    """
    if first.shape != second.shape:
        raise ValueError(f"expected two measures of one shape, got {first.shape} and {second.shape}")
    both = ~(first.isnan() | second.isnan())
    if int(both.sum()) < 2:
        return float("nan")
    places = torch.stack([ranks(first[both]), ranks(second[both])])
    centred = places - places.mean(1, keepdim=True)
    norms = centred.norm(dim=1)
    return float("nan") if bool((norms == 0).any()) else float((centred[0] @ centred[1]) / norms.prod())
