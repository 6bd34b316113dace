"""What a converted model caches: one latent per token and layer, and once for all layers the tokens' positions."""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from models.conversion.latent_config import HeadlightMlaConfig


class _WithPositions(DynamicLayer):
    """keys: the latents [batch, 1, pos, kv_rank]; values: a tensor of width 0.

    positions: int64 [batch | 1, pos] of all tokens so far; one tensor that all layers refer to.
    """

    positions: Tensor | None = None

    def reset(self) -> None:
        super().reset()
        self.positions = None

    def crop(self, tokens_to_remove: int) -> None:
        super().crop(tokens_to_remove)
        if self.positions is not None and tokens_to_remove:
            self.positions = self.positions[:, : -abs(tokens_to_remove)]

    def reorder_cache(self, beam_idx: torch.LongTensor) -> None:
        super().reorder_cache(beam_idx)
        self._select(beam_idx)

    def batch_select_indices(self, indices: Tensor) -> None:
        super().batch_select_indices(indices)
        self._select(indices)

    def batch_repeat_interleave(self, repeats: int) -> None:
        super().batch_repeat_interleave(repeats)
        if self.positions is not None and self.positions.shape[0] > 1:
            self.positions = self.positions.repeat_interleave(repeats, dim=0)

    def _select(self, rows: Tensor) -> None:
        if self.positions is not None and self.positions.shape[0] > 1:
            self.positions = self.positions[rows.to(self.positions.device)]


class LatentLayer(_WithPositions):
    """The latents of all tokens."""


class LatentWindowLayer(_WithPositions, DynamicSlidingWindowLayer):
    """The latents of the last tokens, as many as the window still sees."""


def latent_cache(config: HeadlightMlaConfig) -> DynamicCache:
    """An empty cache for that model."""
    cache = DynamicCache()
    _furnish(cache, config)
    return cache


def cache_bytes(cache: Cache) -> int:
    """Bytes of all keys, values or latents that a cache holds now, counted from its tensors.

    Without the positions, int64, once for all layers.
    """
    held = (getattr(layer, name, None) for layer in cache.layers for name in ("keys", "values"))
    tensors = [part for part in held if part is not None]
    return sum(part.numel() * part.element_size() for part in tensors)


def key_positions(cache: Cache | None, config: HeadlightMlaConfig, new: Tensor) -> Tensor:
    """Positions of all tokens [batch | 1, pos], the cached ones and then `new` [batch | 1, pos]; noted in the cache.

    A fresh cache of transformers' own gets layers that hold latents.
    """
    if cache is None:
        return new
    if not cache.layers or not isinstance(cache.layers[0], _WithPositions):
        _furnish(cache, config)
    past = cache.layers[0].positions  # pyright: ignore[reportAttributeAccessIssue]
    if past is not None:
        rows = max(past.shape[0], new.shape[0])
        new = torch.cat([past.to(new.device).expand(rows, -1), new.expand(rows, -1)], dim=1)
    for layer in cache.layers:
        layer.positions = new  # pyright: ignore[reportAttributeAccessIssue]
    return new


def _furnish(cache: Cache, config: HeadlightMlaConfig) -> None:
    if not isinstance(cache, DynamicCache) or cache.get_seq_length():
        raise ValueError(
            f"A converted model keeps latents in a DynamicCache of its own, but a {type(cache).__name__} with "
            f"{cache.get_seq_length()} tokens came: pass an empty DynamicCache, or none."
        )
    windowed = [kind == "sliding_attention" for kind in config.layer_types or ()]
    window = config.sliding_window
    assert window is not None or not any(windowed)
    records = any(getattr(layer, "record_past", False) for layer in cache.layers)
    cache.layers[:] = [
        LatentWindowLayer(window) if narrow and window else LatentLayer() for narrow in windowed
    ]
    if records:  # whoever made the cache means to take tokens back, as a guess at the next ones does
        cache.activate_past_recording()
    cache.layer_class_to_replicate = None
