"""What a run will take, said before it starts: a formula over a speed measured on this device."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

import models

SIDE, REPEATS = 1024, 3  # of the matrices whose product is timed, and how often
# Walking over all patterns costs about as much again as the forward pass, and neither reaches a bare product's speed.
SLACK = 2.5


def about(seconds: float) -> str:
    """An estimate of time in words."""
    if seconds < 1:
        return "less than a second"
    return f"about {seconds:.0f} s" if seconds < 100 else f"about {seconds / 60:.0f} minutes"


@dataclass(frozen=True, slots=True)
class Forecast:
    """tokens: of the text after any cut. seconds: estimated. nbytes: of queries, keys and values kept (formula)."""

    tokens: int
    heads: int
    seconds: float
    nbytes: int

    @property
    def sentence(self) -> str:
        return (
            f"Running {self.tokens:,} tokens and drawing {self.heads:,} heads: {about(self.seconds)}, keeps about "
            f"{max(self.nbytes / 1e6, 0.1):.3g} MB"
        )


def forecast(model: models.AttentionModel, tokens: int, flops_per_s: float) -> Forecast:
    """Formula: 2 operations a weight and token, 4 a head, pair of tokens and dimension (Kaplan et al. 2020, table 1)."""
    shape = model.geometry
    heads = sum(site.heads for site in model.plan.sites)
    parameters = sum(weight.numel() for weight in model.module.parameters())
    flops = 2 * parameters * tokens + 4 * heads * shape.d_head * tokens**2
    per_layer = (shape.heads + shape.kv_heads) * shape.d_head + shape.kv_heads * shape.v_head_dim
    nbytes = len(model.plan.sites) * per_layer * tokens * model.dtype.itemsize
    return Forecast(tokens, heads, SLACK * flops / flops_per_s, nbytes)


def measured_flops_per_s(device: torch.device) -> float:
    """Operations a second in a float32 matrix product on this device, the best of a few measured now (a tenth of a second)."""
    left = torch.ones(SIDE, SIDE, device=device)
    (left @ left).sum().item()  # warm-up
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        (left @ left).sum().item()
        seconds.append(time.perf_counter() - start)
    return 2 * SIDE**3 / min(seconds)
