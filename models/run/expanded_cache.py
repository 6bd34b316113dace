"""Cache layers that never concatenate their past, and the one that keeps per-head keys and values of an MLA."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicIndexedLayer, DynamicLayer, DynamicSlidingWindowLayer

BLOCK = 256  # tokens by which a full buffer grows: its copy then costs a 256th of what concatenation would


class Expanded(Tensor):
    """Keys that are per head already, on their way from the cache to the attention's `expand_kv`."""

    __torch_function__ = getattr(torch, "_C")._disabled_torch_function_impl  # noqa: B009


class Room:
    """A buffer [..., capacity, width] that grows by whole blocks; what is held is a view of its beginning."""

    def __init__(self) -> None:
        self.buffer: Tensor | None = None

    def append(self, held: Tensor | None, new: Tensor) -> Tensor:
        """`held` [..., past, width] with `new` [..., tokens, width] behind it, as a view of the buffer.

        held may have been cut, or have been copied from the buffer with another batch: its own numbers count.
        """
        past = 0 if held is None or held.ndim < new.ndim else held.shape[-2]
        tokens = past + new.shape[-2]
        buffer = self.buffer
        if buffer is None or tokens > buffer.shape[-2] or not _begins(held, buffer):
            buffer = self._grown(new, tokens)
            if held is not None and past:
                buffer[..., :past, :] = held
        buffer[..., past:tokens, :] = new
        self.buffer = buffer
        return buffer[..., :tokens, :]

    @staticmethod
    def _grown(like: Tensor, tokens: int) -> Tensor:
        capacity = -(-tokens // BLOCK) * BLOCK
        with torch.inference_mode(False):  # else it could not be written outside inference mode later on
            return torch.empty(
                *like.shape[:-2], capacity, like.shape[-1], dtype=like.dtype, device=like.device
            )


def _begins(held: Tensor | None, buffer: Tensor) -> bool:
    return held is not None and held.data_ptr() == buffer.data_ptr() and held.shape[0] == buffer.shape[0]


class GrownLayer(DynamicLayer):
    """transformers' dynamic layer with room behind its keys and values, so that a step writes its own tokens only."""

    def __init__(self, **kwargs: Any) -> None:
        layer: Any = super()  # of transformers
        layer.__init__(**kwargs)
        self.rooms = (Room(), Room())

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        self.keys = self.rooms[0].append(self.keys, key_states)
        self.values = self.rooms[1].append(self.values, value_states)
        return self.keys, self.values


class GrownIndexedLayer(GrownLayer, DynamicIndexedLayer):
    """The same beside the keys of a sparse attention's indexer (DeepSeek-V3.2), which transformers concatenates."""


class _KeepsExpanded:
    """Expands new tokens only, once, and keeps what every head reads: keys [batch, head, pos, d_head] with the shared
    rotary key in each, values [batch, head, pos, v_head_dim]."""

    def __init__(self, attention: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.attention = attention

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        layer: Any = super()  # of transformers
        keys, values = layer.update(*self.attention.expand_kv(key_states, value_states))
        return keys.as_subclass(Expanded), values


class ExpandedLayer(_KeepsExpanded, GrownLayer):
    pass


class ExpandedIndexedLayer(_KeepsExpanded, GrownIndexedLayer):
    pass


class ExpandedSlidingLayer(_KeepsExpanded, DynamicSlidingWindowLayer):
    """A window is short and forgets its beginning: transformers' own layer, concatenated."""
