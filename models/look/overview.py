"""One walk over all patterns of a stack, a block of rows at a time: the small picture of every head, and its scores.

Every block is made, used for both, and dropped: all patterns at once would be layers * heads * tokens^2 numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.look.scores import NAMES, Scores, ScoreSums, TokenPairs
from models.progress import Progress, no_progress
from models.run.attention_call import AttentionCall
from models.run.records import LayerRecord, Patterns

BLOCK_ELEMENTS = 2**20  # weights in flight: 4 MB, which stays in a core's cache


@dataclass(frozen=True, slots=True)
class Overview:
    """tiles: float32 [layer, head, size, size]; scores: per layer and head."""

    tiles: Tensor
    scores: Scores


def overview(
    layers: Sequence[LayerRecord],
    ids: Sequence[int] | None,
    size: int,
    progress: Progress = no_progress,
) -> Overview:
    """Tiles and scores of one stack.

    A tile's cell [i, j] is the attention that the i-th block of queries pays, on average, to the j-th block of keys
    together: rows of a tile sum to 1, as rows of the pattern do. A text shorter than `size` is drawn with cells repeated.
    ids: token ids where queries and keys are the same text, None for cross-attention.
    """
    first = layers[0].attention
    device = _device(first)
    pairs = TokenPairs(ids, first.queries, device)
    queries, keys = _pool(first.queries, size, device), _pool(first.keys, size, device)
    queries = queries / queries.sum(0, keepdim=True)
    heads = max(layer.attention.heads for layer in layers)
    tiles = torch.zeros(len(layers), heads, size, size, dtype=torch.float32)
    values = {name: torch.full((len(layers), heads), torch.nan, dtype=torch.float32) for name in NAMES}
    chance = {name: torch.full((len(layers), heads), torch.nan, dtype=torch.float32) for name in NAMES}
    known_chance: dict[object, dict[str, Tensor]] = {}
    for index, layer in enumerate(layers):
        attention = layer.attention
        tile, means = _walk(attention, pairs, queries, keys)
        tiles[index, : attention.heads] = tile.cpu()
        if _mask_key(attention) not in known_chance:
            known_chance[_mask_key(attention)] = _chance(attention, pairs)
        for name in NAMES:
            values[name][index, : attention.heads] = means[name].cpu()
            chance[name][index, : attention.heads] = known_chance[_mask_key(attention)][name].cpu()
        progress(f"Drew the heads of layer {index}", (index + 1) / len(layers))
    return Overview(tiles, Scores(values, chance, pairs.support))


def _walk(
    attention: Patterns, pairs: TokenPairs, queries: Tensor, keys: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    sums = ScoreSums(attention.heads, pairs, queries.device)
    tile = torch.zeros(
        attention.heads, queries.shape[1], keys.shape[1], device=queries.device, dtype=torch.float32
    )
    for rows in _blocks(attention):
        weights = attention.upto(rows.stop).weights(None, rows)
        pooled = weights @ keys[: weights.shape[2]]
        tile += queries[rows].T @ pooled
        sums.add(weights, rows)
    return tile, sums.means()


def _chance(attention: Patterns, pairs: TokenPairs) -> dict[str, Tensor]:
    """What even attention over the visible keys scores, [1 | head]."""
    sums: ScoreSums | None = None
    for rows in _blocks(attention):
        visible = attention.visible(rows).float()
        sums = sums or ScoreSums(visible.shape[0], pairs, visible.device)
        sums.add(visible / visible.sum(-1, keepdim=True).clamp(min=1), rows)
    assert sums is not None, "a layer has at least one query"
    return sums.means()


def _blocks(attention: Patterns) -> list[slice]:
    step = max(BLOCK_ELEMENTS // (attention.heads * attention.keys), 16)
    return [slice(start, min(start + step, attention.queries)) for start in range(0, attention.queries, step)]


def _pool(tokens: int, size: int, device: torch.device) -> Tensor:
    """Which of `size` cells a token belongs to, [tokens, size]: ones; in a short text a token fills several cells."""
    if tokens >= size:
        cell = torch.arange(tokens, device=device) * size // tokens
        return torch.nn.functional.one_hot(cell, size).float()
    token = torch.arange(size, device=device) * tokens // size
    return torch.nn.functional.one_hot(token, tokens).T.float()


def _device(attention: Patterns) -> torch.device:
    return attention.visible(slice(0, 1)).device


def _mask_key(attention: Patterns) -> object:
    """Equal for layers whose queries see the same keys, so that their chance level is worked out once."""
    if isinstance(attention, AttentionCall):
        mask = None if attention.mask is None else attention.mask.data_ptr()
        return (attention.queries, attention.keys, attention.causal, mask)
    return id(attention)
