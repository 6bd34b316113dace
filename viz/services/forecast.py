"""What a run will take, said before it starts: a formula over a speed measured on this device."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

import models

SIDE, REPEATS = 1024, 3  # of the matrices whose product is timed, and how often
# Walking over all patterns costs about as much again as the forward pass, and neither reaches a bare product's speed.
SLACK = 2.5
_NO_ATTENTION = (("state",), ("no attention",))  # layers of a hybrid that are no attention calls


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
    """Formula: 2 operations a weight and token, and 2 a head, pair of tokens and dimension of keys and values (Kaplan et al.
    2020, table 1), each layer with its own sizes."""
    parameters = sum(weight.numel() for weight in model.module.parameters())
    heads, pairs, kept = 0, 0, 0
    for site, layer in zip(model.plan.sites, _layers(model), strict=True):
        heads += site.heads
        pairs += site.heads * (layer.d_head + layer.v_head_dim)
        kept += (site.heads + layer.kv_heads) * layer.d_head + layer.kv_heads * layer.v_head_dim
    flops = 2 * parameters * tokens + 2 * pairs * tokens**2
    return Forecast(tokens, heads, SLACK * flops / flops_per_s, kept * tokens * model.dtype.itemsize)


def _layers(model: models.AttentionModel) -> list[models.Geometry]:
    """The sizes of the layer of each attention call. A config tells them of one stack; others are taken to be as its widest."""
    shape, plan = model.geometry, model.plan
    attending = [one for one in shape.each_layer if one.heads and one.keeps_per_layer not in _NO_ATTENTION]
    stack = plan.sites[0].stack if len(plan.stacks) == 1 else "decoder"
    if plan.layers(stack) != len(attending):
        return [shape] * len(plan.sites)
    return [attending[site.layer] if site.stack == stack else shape for site in plan.sites]


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
