"""How large a latent is, what it takes in the cache, and how long fitting it takes: formulas, before anything runs."""

from __future__ import annotations

import models
from models.conversion.ranks import SMALLEST, Rope, full_rank
from models.shape.cache_size import cache_bytes_per_token, cache_elements_per_token_and_layer
from viz.services.forecast import SLACK

AUTOMATIC_S = 30.0  # what is estimated to take no longer is begun without a click
SMALLEST_SHARE = 10  # percent


def per_layer(model: models.AttentionModel) -> int:
    """Numbers that the original keeps of one token in one layer."""
    return cache_elements_per_token_and_layer(model.geometry)


def largest_share(model: models.AttentionModel, rope: Rope) -> int:
    """The percentage of the cache from which on a conversion is exact: below 100 where d_model is less than all keys and
    values, which are all made from it; above, where a decoupled rotary key needs a number more."""
    return max(-(-100 * full_rank(model, rope) // per_layer(model)), SMALLEST_SHARE + 1)


def rank_of_share(model: models.AttentionModel, percent: float, rope: Rope) -> int:
    """The rank that takes that percentage of the original's cache."""
    return min(max(round(percent / 100 * per_layer(model)), SMALLEST[rope]), full_rank(model, rope))


def bytes_of_rank(model: models.AttentionModel, rank: float) -> int:
    """Bytes per token of latents of that rank in all layers, in the model's own number format."""
    return round(rank * model.geometry.layers) * model.dtype.itemsize


def original_bytes(model: models.AttentionModel) -> int:
    """Bytes per token of the original's cache in its own number format."""
    return cache_bytes_per_token(model.geometry, model.dtype)


def number_format(model: models.AttentionModel) -> str:
    """Its name, such as float32."""
    return str(model.dtype).removeprefix("torch.")


def fitting_seconds(model: models.AttentionModel, tokens: int, flops_per_s: float) -> float:
    """Formula: 2 operations a weight and token, and for the moments 2 a pair of d_model dimensions, layer and token, in
    float64, which counts twice."""
    shape = model.geometry
    weights = sum(weight.numel() for weight in model.module.parameters())
    return SLACK * 2 * tokens * (weights + 2 * shape.layers * shape.d_model**2) / flops_per_s


def healing_seconds(model: models.AttentionModel, tokens: int, flops_per_s: float) -> float:
    """Formula: 2 operations a weight and token forward in each of the two models, and 2 backward for what passes through
    the frozen weights."""
    return SLACK * 6 * tokens * sum(weight.numel() for weight in model.module.parameters()) / flops_per_s
