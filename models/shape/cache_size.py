"""How large a model's key/value cache is by formula: DeepSeek-V2 (arXiv 2405.04434), Table 1."""

from __future__ import annotations

from typing import Literal, get_args

import torch

from models.errors import BadSelection
from models.shape.attention_geometry import Geometry

CacheMode = Literal["auto", "expanded", "latent", "absorbed"]
_NOTHING = ("state", "another layer's", "no attention")  # layers that keep no keys and values of their own
CACHE_MODES: tuple[CacheMode, ...] = get_args(CacheMode)


def cache_elements_per_token_and_layer(shape: Geometry, latents: bool = True) -> int:
    """Numbers that one layer keeps of one token.

    MHA 2 * heads * d_head, GQA 2 * kv_heads * d_head, MQA 2 * d_head, MLA kv_lora_rank + qk_rope_head_dim. Values that
    are not as wide as keys count with their own width; where sizes differ from layer to layer, the largest count.
    latents: False for an MLA that caches the keys and values it expands its latents to, as transformers' own DeepSeek
    classes once did. Self-attention over the whole past only: a sliding window keeps less, and an encoder keeps nothing,
    which is refused with BadSelection.
    """
    if shape.role == "encoder":
        raise BadSelection(
            "An encoder reads its text at once and keeps no cache; the formula is for decoders."
        )
    if shape.kv_lora_rank is not None and latents:
        return shape.kv_lora_rank + (shape.qk_rope_head_dim or 0)
    return shape.kv_heads * (shape.d_head + shape.v_head_dim)


def cache_elements_per_token(shape: Geometry, latents: bool = True) -> int:
    """Numbers that all layers together keep of one token, each by its own sizes; see `cache_elements_per_token_and_layer`.

    A layer that lost all its heads keeps one number, by which transformers tells the cache's length; one that keeps a state
    or reads another layer's cache keeps none.
    """
    if shape.role == "encoder":
        cache_elements_per_token_and_layer(shape)  # which refuses it
    return sum(_elements(one, latents) for one in shape.each_layer)


def _elements(one: Geometry, latents: bool) -> int:
    """Of one layer."""
    if one.keeps_per_layer is not None and one.keeps_per_layer[0] in _NOTHING:
        return 0
    return cache_elements_per_token_and_layer(one, latents) if one.heads else 1


def tokens_kept(window: int | None, tokens: int) -> int:
    """Tokens that a layer keeps for the next one: a window of 4,096 is that one and the 4,095 before it."""
    return tokens if window is None else min(tokens, window - 1)


def cache_bytes_per_token(shape: Geometry, dtype: torch.dtype = torch.bfloat16, latents: bool = True) -> int:
    """Bytes that all layers together keep of one token; see `cache_elements_per_token_and_layer`."""
    return dtype.itemsize * cache_elements_per_token(shape, latents)


def cache_bytes_by_formula(
    shape: Geometry, mode: CacheMode, tokens: int, dtype: torch.dtype = torch.float32
) -> int:
    """Bytes that a cache in `mode` keeps of `tokens` tokens, what is preallocated behind them not counted.

    "latent" and "absorbed": (kv_lora_rank + qk_rope_head_dim) * layers; "expanded": heads * (d_head + v_head_dim) *
    layers; "auto" is what the model is best run with, so latents where it has them. Each layer counts with its own sizes
    and keeps no more tokens than its window sees. See `cache_elements_per_token`.
    """
    kept = (
        _elements(one, mode != "expanded") * tokens_kept(one.sliding_window, tokens)
        for one in shape.each_layer
    )
    return dtype.itemsize * sum(kept)
