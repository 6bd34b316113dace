"""When two workings of the same numbers agree."""

from __future__ import annotations

import torch
from torch import Tensor

TOLERANCE = 1e-4  # of the scale of what is compared, in float32


def tolerance(dtype: torch.dtype) -> float:
    """The share of its scale by which what is worked out twice may differ, in a number format."""
    return max(TOLERANCE, 8 * torch.finfo(dtype).eps)


def agrees(found: Tensor, expected: Tensor, dtype: torch.dtype, scale: Tensor | None = None) -> bool:
    """Whether two tensors [pos, d] agree at every position, within the tolerance of that position's scale.

    scale: [pos], where it is another than the largest number of `expected` there: a sum's parts may be larger than the sum.
    """
    expected = expected.float()
    largest = expected.abs().amax(-1) if scale is None else scale
    return bool(((found.float() - expected).abs().amax(-1) <= tolerance(dtype) * largest).all())
