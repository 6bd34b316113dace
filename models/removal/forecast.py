"""What removing heads would change, worked out before anything is removed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from torch import nn

from models.private_copy import hollow_copy
from models.removal.remove import records, smaller
from models.run.head_gates import Heads
from models.run.model import AttentionModel
from models.shape.attention_geometry import Geometry, geometry
from models.shape.cache_size import cache_bytes_per_token
from models.shape.removed_heads import RemovedHeads, is_stock


@dataclass(frozen=True, slots=True)
class RemovalCost:
    """A model before and after heads are removed; every number is a formula, counted from shapes.

    heads_before, heads_after, kv_heads_before, kv_heads_after: of each layer of the original model. parameters: tied ones
    once. cache_bytes_before, cache_bytes_after: bytes that all layers keep of one token, in the model's number format; 0
    for an encoder. stock: whether a class of transformers loads the export by itself. notes: sentences that belong beside it.
    """

    heads_before: tuple[int, ...]
    heads_after: tuple[int, ...]
    kv_heads_before: tuple[int, ...]
    kv_heads_after: tuple[int, ...]
    parameters_before: int
    parameters_after: int
    cache_bytes_before: int
    cache_bytes_after: int
    stock: bool
    notes: tuple[str, ...]


def removal_cost(model: AttentionModel, heads: Heads, *, stack: str | None = None) -> RemovalCost:
    """What `remove_heads` would make of the model, without making it. Raises as `remove_heads`."""
    before, after = records(model, heads, stack)
    module = smaller(model, hollow_copy(model.module), before, after)
    shape, stock = geometry(module.config), is_stock(module.config)
    return RemovalCost(
        heads_before=tuple(map(len, before.kept)),
        heads_after=tuple(map(len, after.kept)),
        kv_heads_before=_kv_counts(before),
        kv_heads_after=_kv_counts(after),
        parameters_before=_parameters(model.module),
        parameters_after=_parameters(module),
        cache_bytes_before=_cache(model.geometry, model),
        cache_bytes_after=_cache(shape, model),
        stock=stock,
        notes=(*_cache_notes(model.geometry, before, after), *_uneven_note(after), *_stock_note(stock)),
    )


def _kv_counts(record: RemovedHeads) -> tuple[int, ...]:
    return tuple(len(record.kv_kept(layer)) for layer in range(len(record.kept)))


def _parameters(module: nn.Module) -> int:
    return sum(tensor.numel() for tensor in module.parameters())


def _cache(shape: Geometry, model: AttentionModel) -> int:
    return 0 if shape.role == "encoder" else cache_bytes_per_token(shape, model.dtype)


def _cache_notes(shape: Geometry, before: RemovedHeads, after: RemovedHeads) -> list[str]:
    if shape.role == "encoder":
        return [
            "An encoder reads its text at once and keeps no cache, so only weights and computation shrink."
        ]
    notes = [_cache_note(shape, before, after)]
    empty = [layer for layer, kept in enumerate(after.kept) if not kept]
    if empty:
        layers = f"Layer {empty[0]} has" if len(empty) == 1 else f"{len(empty)} layers have"
        notes.append(
            f"{layers} no heads left and caches one number a token, by which transformers tells how long the text is."
        )
    return notes


def _cache_note(shape: Geometry, before: RemovedHeads, after: RemovedHeads) -> str:
    if shape.kind == "mla":
        return "All heads of a layer read one latent per token, so the cache shrinks only where a layer loses all its heads."
    if before.kv_heads == before.heads:
        return "Every head has keys and values of its own, so each removed head frees its share of the cache."
    if before.kv_heads == 1:
        return "All heads of a layer share one key/value head, so the cache shrinks only where a layer loses all its heads."
    removed = sum(map(len, before.kept)) - sum(map(len, after.kept))
    freed = sum(
        after.kv_head(head) not in after.kv_kept(layer)
        for layer, kept in enumerate(before.kept)
        for head in kept
    )
    if freed == removed:
        return "Whole groups are removed, so their key/value heads go from the cache too."
    return (
        f"Only whole groups free cache: {removed - freed} of the {removed} heads leave a key/value head behind that other "
        "heads of their group still read."
    )


def _uneven_note(after: RemovedHeads) -> list[str]:
    """What it costs at run time that groups of one layer differ."""
    uneven = [layer for layer in range(len(after.kept)) if not after.even(layer)]
    if not uneven:
        return []
    heads = sum(len(after.kept[layer]) for layer in uneven)
    places = sum(max(Counter(after.reads(layer)).values()) * len(after.kv_kept(layer)) for layer in uneven)
    where = f"layer {uneven[0]}" if len(uneven) == 1 else f"{len(uneven)} layers"
    return [
        f"Groups of {where} keep different numbers of heads: the cache is still kept once, but each step computes {places} "
        f"heads for the {heads} that are there, and reading a text lays keys and values out for each head; equally many of "
        "each group, or whole groups, cost neither."
    ]


def _stock_note(stock: bool) -> list[str]:
    if stock:
        return []
    return [
        "No config of transformers can say which heads are left, so an export opens in Headlight (models.load) but not in "
        "transformers alone."
    ]
