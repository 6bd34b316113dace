"""The number formats that weights, caches and arithmetic may be in, by name or as PyTorch's own."""

from __future__ import annotations

import torch

from models.errors import BadSelection


def number_format(dtype: str | torch.dtype) -> torch.dtype:
    """A floating-point format of PyTorch, itself or by its name ("bfloat16"). Raises BadSelection for anything else."""
    found = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if isinstance(found, torch.dtype) and found.is_floating_point:
        return found
    raise BadSelection(
        f"A number format is float32, bfloat16, float16 or another floating-point one of PyTorch, by name or as torch.float32, "
        f"but {dtype!r} came; choose one."
    )
