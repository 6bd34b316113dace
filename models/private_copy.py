"""A model's modules once more, over the same weights: what is hung on them or taken out of them, nobody else's run meets."""

from __future__ import annotations

import copy

from torch import nn


def private_copy(module: nn.Module) -> nn.Module:
    """New modules that share every parameter and buffer of the given ones."""
    shared = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
    return copy.deepcopy(module, shared)


def hollow_copy(module: nn.Module) -> nn.Module:
    """New modules whose parameters and buffers have the shapes of the given ones and no memory."""
    parameters = {id(tensor): nn.Parameter(tensor.to("meta"), False) for tensor in module.parameters()}
    buffers = {id(tensor): tensor.to("meta") for tensor in module.buffers()}
    return copy.deepcopy(module, parameters | buffers)
