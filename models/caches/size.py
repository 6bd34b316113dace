"""How large a model's key/value cache is by formula: DeepSeek-V2 (arXiv 2405.04434), Table 1."""

from __future__ import annotations

from typing import Literal, get_args

import torch

from models.errors import BadSelection
from models.geometry import Geometry

CacheMode = Literal["auto", "expanded", "latent", "absorbed"]
CACHE_MODES: tuple[CacheMode, ...] = get_args(CacheMode)


def cache_elements_per_token_and_layer(shape: Geometry, latents: bool = True) -> int:
    """Numbers that one layer keeps of one token.

    MHA 2 * heads * d_head, GQA 2 * kv_heads * d_head, MQA 2 * d_head, MLA kv_lora_rank + qk_rope_head_dim. Values that
    are not as wide as keys count with their own width; where latents or heads differ from layer to layer, the widest counts.
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
    """Numbers that all layers together keep of one token; see `cache_elements_per_token_and_layer`.

    A layer that lost all its heads keeps one number, by which transformers tells the cache's length.
    """
    widest = cache_elements_per_token_and_layer(shape, latents)
    heads = shape.heads_per_layer or (shape.heads,) * shape.layers
    kv_heads = shape.kv_heads_per_layer or (shape.kv_heads,) * shape.layers
    if shape.kv_lora_ranks is not None and latents:
        sizes = [rank + (shape.qk_rope_head_dim or 0) for rank in shape.kv_lora_ranks]
    elif shape.kv_lora_rank is not None and latents:
        sizes = [widest] * shape.layers
    else:
        sizes = [count * (shape.d_head + shape.v_head_dim) for count in kv_heads]
    return sum(size if count else 1 for size, count in zip(sizes, heads, strict=True))


def cache_bytes_per_token(shape: Geometry, dtype: torch.dtype = torch.bfloat16, latents: bool = True) -> int:
    """Bytes that all layers together keep of one token; see `cache_elements_per_token_and_layer`."""
    return dtype.itemsize * cache_elements_per_token(shape, latents)


def cache_bytes_by_formula(
    shape: Geometry, mode: CacheMode, tokens: int, dtype: torch.dtype = torch.float32
) -> int:
    """Bytes that a cache in `mode` keeps of `tokens` tokens, what is preallocated behind them not counted.

    "latent" and "absorbed": (kv_lora_rank + qk_rope_head_dim) * layers; "expanded": heads * (d_head + v_head_dim) *
    layers; "auto" is what the model is best run with, so latents where it has them. For models that attend in every layer.
    """
    return tokens * cache_bytes_per_token(shape, dtype, latents=mode != "expanded")
