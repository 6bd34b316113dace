"""The modules that a model is made of, which PyTorch hands out without types."""

from __future__ import annotations

from typing import Any

from torch import nn


def named_parts(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """Every module inside, the whole among them, each once with its path."""
    untyped: Any = module
    return list(untyped.named_modules())
