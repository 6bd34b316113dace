"""The one rule for a forward pass that reads a whole text at once and keeps no cache."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from models.run.default_dtype import default_dtype_kept


@torch.no_grad()
def forward_pass(
    module: PreTrainedModel, inputs: dict[str, Tensor], *, last_only: bool = False, **extra: Any
) -> Any:
    """One pass without a cache and without gradients. last_only: see `without_cache`; extra: further arguments."""
    with default_dtype_kept():
        return module(**inputs, **without_cache(module, last_only=last_only), **extra)


def without_cache(module: PreTrainedModel, *, last_only: bool = False) -> dict[str, Any]:
    """The arguments that keep a pass from making a cache, where its class could make one.

    last_only: logits are asked of the last position alone; a class that cannot be asked so gives all of them.
    """
    accepted = inspect.signature(module.forward).parameters
    arguments: dict[str, Any] = {}
    if "use_cache" in accepted or getattr(module.config, "use_cache", None) is not None:
        arguments["use_cache"] = False
    if last_only and "logits_to_keep" in accepted:
        arguments["logits_to_keep"] = 1
    return arguments
