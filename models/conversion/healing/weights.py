"""Which weights of a converted model learn when it is healed."""

from __future__ import annotations

from torch import nn

# What makes the latents and what reads them, in the converted class and in transformers' DeepSeek-V3.
FACTORS = ("kv_down_proj", "kv_up_proj", "kv_a_proj_with_mqa", "kv_b_proj")


def factors(student: nn.Module) -> list[nn.Parameter]:
    """Those of the latents; none where the model has none."""
    named = student.named_parameters()
    return [weight for name, weight in named if any(f".{factor}." in name for factor in FACTORS)]


def norms(student: nn.Module) -> list[nn.Parameter]:
    """The weights of the norms around the layers; not those of the latents, which undo a scale."""
    named = student.named_parameters()
    return [weight for name, weight in named if "norm" in name and "kv_a_layernorm" not in name]
