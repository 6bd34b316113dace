"""Attention whose key/value heads are read by different numbers of heads, as single heads removed from groups leave it.

The cache holds every key/value head once, and stays as it is.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from transformers.integrations.sdpa_attention import (
    sdpa_attention_forward,  # pyright: ignore[reportUnknownVariableType]
)


def uneven_attention(
    module: nn.Module,
    reads: tuple[int, ...],
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    dropout: float,
    scaling: float | None,
    **kwargs: Any,
) -> Tensor:
    """As transformers' SDPA attention function, [batch, query, head, d_value]; reads: key/value head of each head.

    Many queries: keys and values are laid out for each head, as transformers does for grouped heads under a mask. One query:
    it is cheaper to leave the past where it is, and to fill the smaller groups up with queries that are not looked at.
    """
    if query.shape[2] > 1:
        places = torch.tensor(reads, device=key.device)
        return sdpa_attention_forward(
            module, query, key[:, places], value[:, places], mask, dropout, scaling, **kwargs
        )[0]
    slots, filled = _slots(reads)
    chosen: Any = query[:, torch.tensor(filled, device=query.device), 0]
    rows: Tensor = chosen.unflatten(1, (key.shape[1], -1))
    # All queries of a group as if they were positions: none hides a key from another.
    kwargs["is_causal"] = False
    output, _ = sdpa_attention_forward(module, rows, key, value, mask, dropout, scaling, **kwargs)
    per_slot = output.transpose(1, 2).flatten(1, 2)
    return per_slot[:, torch.tensor(slots, device=query.device)][:, None]


@cache
def _slots(reads: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """For each head its place in groups of one size, and for each place the head whose query stands there."""
    size, count = max(Counter(reads).values()), max(reads) + 1
    filled = [reads.index(group) for group in range(count) for _ in range(size)]
    slots: list[int] = []
    for head, group in enumerate(reads):
        slots.append(group * size + reads[:head].count(group))
        filled[slots[-1]] = head
    return tuple(slots), tuple(filled)
