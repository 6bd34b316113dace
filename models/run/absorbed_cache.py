"""Attention of a decode step directly over cached latents, as DeepSeek-V2 (arXiv 2405.04434), section 2.1.2, describes.

The score of head h for a past token is q_nope . (W_UK c) + q_rope . k_rope = (W_UK^T q_nope) . c + q_rope . k_rope: W_UK
goes into the query, and all heads read the one latent c and the one rotary key. What a head writes, sum(a W_UV c), is
W_UV sum(a c): W_UV goes behind the sum. So the past is never expanded, and stands in memory once for all heads.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers.cache_utils import DynamicSlidingWindowLayer

from models.run.attention_call import softmax_with_sinks
from models.run.expanded_cache import Expanded, GrownIndexedLayer, GrownLayer


class Latents(Tensor):
    """Latents and rotary keys of the whole past [batch, 1, pos, kv_lora_rank + qk_rope_head_dim], to be read as they are."""

    __torch_function__ = getattr(torch, "_C")._disabled_torch_function_impl  # noqa: B009


class _KeepsLatents:
    """Keeps latent and shared rotary key of a token side by side in `keys`; `values` is left without width.

    A step of one token gets them back as `Latents`; longer ones (prefill, in chunks or not) as two tensors, as from
    transformers' own cache, since expanding once for many queries is cheaper than wide queries.
    """

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        joined = torch.cat((key_states, value_states), dim=-1)
        layer: Any = super()  # of transformers
        latents: Tensor = layer.update(joined, value_states[..., :0])[0]
        if key_states.shape[-2] == 1:
            return latents.as_subclass(Latents), latents[..., key_states.shape[-1] :]
        return latents[..., : key_states.shape[-1]], latents[..., key_states.shape[-1] :]


class AbsorbedLayer(_KeepsLatents, GrownLayer):
    pass


class AbsorbedIndexedLayer(_KeepsLatents, GrownIndexedLayer):
    pass


class AbsorbedSlidingLayer(_KeepsLatents, DynamicSlidingWindowLayer):
    """A window is short and forgets its beginning: transformers' own layer, concatenated."""


class PassesOn:
    """Mixed into an attention class at load: what a cache of ours has prepared is not expanded again."""

    def expand_kv(self, kv_nope: Tensor, k_rot: Tensor) -> tuple[Tensor, Tensor]:
        if isinstance(kv_nope, Expanded):
            return kv_nope.as_subclass(Tensor), k_rot
        if isinstance(kv_nope, Latents):
            return kv_nope, k_rot
        attention: Any = super()  # of transformers
        return attention.expand_kv(kv_nope, k_rot)


def up_projections(attention: Any) -> tuple[Tensor, Tensor]:
    """W_UK [head, qk_nope_head_dim, kv_lora_rank] and W_UV [head, v_head_dim, kv_lora_rank]: views of kv_b_proj's weight.

    Taken anew at each step, in a few microseconds: kept ones would be stale once a model is moved to another device.
    """
    nope, value = attention.qk_nope_head_dim, attention.v_head_dim
    weight = attention.kv_b_proj.weight
    per_head = weight.view(-1, nope + value, weight.shape[-1])
    return per_head[:, :nope], per_head[:, nope:]


def absorbed_attention(
    attention: Any,
    query: Tensor,
    latents: Tensor,
    mask: Tensor | None,
    scaling: float | None,
    sinks: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """One token's attention over latents, all heads as rows of one matrix product.

    query [batch, head, query, qk_nope_head_dim + qk_rope_head_dim]; latents [batch, 1, pos, kv_lora_rank +
    qk_rope_head_dim]; mask bool or additive, [batch, 1 | head, query, pos]; sinks [head].
    Returns the folded query [batch, head, query, kv_lora_rank + qk_rope_head_dim], the latents that stand for the values
    [batch, 1, pos, kv_lora_rank] (with `latents` as keys they make an attention call with one shared key head), and the
    heads' outputs [batch, query, head, v_head_dim].
    """
    assert scaling is not None, "the width of a folded query does not tell the model's scaling"
    w_uk, w_uv = up_projections(attention)
    batch, heads, queries, _ = query.shape
    nope, rank = w_uk.shape[1], w_uk.shape[2]
    content = _per_head(query[..., :nope], w_uk)
    folded = torch.cat((content, query[..., nope:]), dim=-1)
    keys, values = latents.as_subclass(Tensor)[:, 0], latents.as_subclass(Tensor)[..., :rank]
    rows = (folded * scaling).reshape(batch, heads * queries, -1)
    scores = torch.bmm(rows, keys.transpose(1, 2)).view(batch, heads, queries, -1).float()
    if mask is not None:
        mask = mask[..., : scores.shape[-1]]
        lowest = torch.finfo(torch.float32).min
        scores = scores.masked_fill_(~mask, lowest) if mask.dtype == torch.bool else scores + mask.float()
    sinks = None if sinks is None else sinks.reshape(-1, 1, 1)
    weights = softmax_with_sinks(scores, sinks).to(values.dtype).view(batch, heads * queries, -1)
    context = torch.bmm(weights, values[:, 0]).view(batch, heads, queries, rank)
    return folded, values, _per_head(context, w_uv.transpose(1, 2)).transpose(1, 2).contiguous()


def _per_head(vectors: Tensor, matrices: Tensor) -> Tensor:
    """[batch, head, query, a] times [head, a, b], each head its own matrix: [batch, head, query, b]."""
    batch, heads, queries, width = vectors.shape
    rows = vectors.transpose(0, 1).reshape(heads, batch * queries, width)
    return torch.bmm(rows, matrices).view(heads, batch, queries, -1).transpose(0, 1)


def expanded(attention: Any, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Keys and values of every head, should they be latents still: for what must change the expanded ones."""
    if not isinstance(key, Latents):
        return key, value
    rank = attention.kv_lora_rank
    latents = key.as_subclass(Tensor)
    return attention.expand_kv(latents[..., :rank], latents[..., rank:])


@torch.no_grad()
def can_absorb(attention: nn.Module) -> bool:
    """Whether this attention's `expand_kv` is nothing but one matrix per head and the shared rotary key behind it.

    Looked at by numbers, so that a class that orders its matrix in another way is never run wrongly.
    """
    own, projection = getattr(attention, "expand_kv", None), getattr(attention, "kv_b_proj", None)
    if own is None or not isinstance(projection, nn.Linear) or getattr(projection, "bias", None) is not None:
        return False
    generator = torch.Generator().manual_seed(0)
    weight, rope = projection.weight, int(getattr(attention, "qk_rope_head_dim", 0))
    latents = torch.randn(1, 1, 2, weight.shape[1], generator=generator, dtype=torch.float32).to(weight)
    rotary = torch.randn(1, 1, 2, rope, generator=generator, dtype=torch.float32).to(weight)
    keys, values = own(latents, rotary)
    w_uk, w_uv = up_projections(attention)
    shared = rotary.expand(-1, w_uk.shape[0], -1, -1)
    expected = torch.cat((latents @ w_uk.transpose(1, 2), shared), dim=-1), latents @ w_uv.transpose(1, 2)
    tolerance = 1e-4 if weight.dtype == torch.float32 else 3e-2
    return all(
        found.shape == right.shape
        and bool((found - right).abs().max() <= tolerance * right.abs().max().clamp(min=1e-6))
        for found, right in zip((keys, values), expected, strict=True)
    )
