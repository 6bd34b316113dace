"""How much each head's pattern differs between two runs of one text: after a conversion, after something was switched off."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Float32
from torch import Tensor

from models.errors import BadSelection
from models.look.captured import Capture
from models.progress import Progress, no_progress
from models.run.records import Patterns

BLOCK_ELEMENTS = 2**20  # weights in flight of each run: 4 MB, which stay in a core's cache


class HeadChange(NamedTuple):
    """One head, and how much its pattern changed, 0 to 1."""

    layer: int
    head: int
    change: float


def pattern_change(
    before: Capture, after: Capture, *, stack: str | None = None, progress: Progress = no_progress
) -> Float32[Tensor, "layer head"]:
    """How much every head's attention moved, float32 [layer, head], 0 (not at all) to 1 (all of it, at every query).

    The mean over queries of the total variation distance between the two rows, half the sum over keys of |p - q|: the share
    of the attention that went elsewhere. What a learned sink takes of a row counts as one key more. NaN where a layer has
    fewer heads than another. Raises BadSelection where the two are not runs of the same tokens through as many heads.
    """
    name = stack or before.stack
    heads = _same_heads(before, after, name)
    change = torch.full((len(heads), max(heads)), torch.nan, dtype=torch.float32)
    for layer, count in enumerate(heads):
        progress(f"Comparing the heads of layer {layer}", layer / len(heads))
        one, other = (run.layers_of[name][layer].attention for run in (before, after))
        change[layer, :count] = _distances(one, other).mean(1)
    progress("The heads are compared", 1.0)
    return change


def change_per_query(
    before: Capture, after: Capture, layer: int, head: int, *, stack: str | None = None
) -> Float32[Tensor, " query"]:
    """How much one head's attention moved at each query, float32 [query], 0 to 1. Raises as `pattern_change`."""
    _same_heads(before, after, stack or before.stack)
    return _distance(before.pattern(layer, head, stack), after.pattern(layer, head, stack))


def most_changed(change: Float[Tensor, "layer head"], count: int = 10) -> tuple[HeadChange, ...]:
    """The heads whose patterns changed most, the most first; `change` as `pattern_change` gives it."""
    flat = change.flatten().nan_to_num(-1.0)
    there = min(count, int((flat >= 0).sum()))
    order = flat.argsort(descending=True, stable=True)[:there].tolist()
    width = change.shape[1]
    return tuple(HeadChange(place // width, place % width, flat[place].item()) for place in order)


def _distances(one: Patterns, other: Patterns) -> Tensor:
    """Total variation distances, float32 [head, query], a block of queries at a time."""
    step = max(BLOCK_ELEMENTS // (one.heads * one.keys), 1)
    parts = []
    for start in range(0, one.queries, step):
        rows = slice(start, min(start + step, one.queries))
        weights = [run.upto(rows.stop).weights(None, rows) for run in (one, other)]
        keys = max(part.shape[-1] for part in weights)
        first, second = (torch.nn.functional.pad(part, (0, keys - part.shape[-1])) for part in weights)
        parts.append(_distance(first, second.to(first.device)).cpu())
    return torch.cat(parts, dim=1)


def _distance(one: Tensor, other: Tensor) -> Tensor:
    """[..., query] of patterns [..., query, key]."""
    moved = one - other
    return (moved.abs().sum(-1) + moved.sum(-1).abs()) / 2


def _same_heads(before: Capture, after: Capture, stack: str) -> list[int]:
    """How many heads each layer has, where the two runs can be compared."""
    if before.ids != after.ids:
        raise BadSelection(
            f"The runs of {before.model_name} and {after.model_name} are not of the same tokens, so their patterns cannot be "
            "compared: run both on one text, with one tokenizer."
        )
    heads = [[run.heads(layer, stack) for layer in range(run.layers(stack))] for run in (before, after)]
    if heads[0] != heads[1]:
        raise BadSelection(
            f"{before.model_name} and {after.model_name} do not have as many heads in every layer, so their patterns cannot "
            "be compared: choose two runs of one model, or of a model and what was converted from it."
        )
    return heads[0]
