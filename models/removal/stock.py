"""Whether a class of transformers, as it is, has room for what is left of a model."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import PreTrainedConfig

from models.run.model import AttentionModel
from models.shape.removed_heads import FIELD, RemovedHeads


def stock_numbers(model: AttentionModel, smaller: nn.Module, after: RemovedHeads) -> dict[str, int] | None:
    """What to set in the config so that transformers alone loads the smaller model; None where no config can say it.

    Every layer must have as many heads, and as many for each key/value head; and a module of the class with these numbers,
    made without memory, must have weights of the shapes of `smaller`, which may itself be without memory.
    """
    layers = range(len(after.kept))
    counts = {(len(after.kept[layer]), len(after.kv_kept(layer))) for layer in layers}
    if len(counts) > 1 or not all(after.even(layer) for layer in layers):
        return None
    heads, kv_heads = counts.pop()
    shape, config = model.geometry, model.module.config
    numbers = whole_numbers(config, RemovedHeads(heads, kv_heads, ()))
    if shape.kind != "mla" and hasattr(config, "num_key_value_heads"):
        numbers["head_dim"] = shape.d_head
    return numbers if _made(model, numbers) == _shapes(smaller) else None


def whole_numbers(config: PreTrainedConfig, record: RemovedHeads) -> dict[str, int]:
    """What the config of the original says, for a module that is made whole and then loses what the record says."""
    numbers = {"num_attention_heads": record.heads}
    if hasattr(config, "num_key_value_heads"):
        numbers["num_key_value_heads"] = record.kv_heads
    return numbers


def _shapes(module: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in module.named_parameters()}


def _made(model: AttentionModel, numbers: dict[str, int]) -> dict[str, torch.Size] | None:
    """Shapes of the weights of a model with these numbers; None where its class does not take them."""
    given = model.module.config.to_dict() | numbers
    given.pop(FIELD, None)
    try:
        config = type(model.module.config).from_dict(given)
        with torch.device("meta"):
            module: Any = type(model.module)(config)
    except Exception:  # each class has checks of its own: heads that do not divide the width, among others
        return None
    return _shapes(module)
