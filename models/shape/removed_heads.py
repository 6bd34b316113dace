"""Which heads of the original model remain: a plain record that lies in the config, and is read with care from a stranger's."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

from transformers import PreTrainedConfig

from models.errors import BrokenWeights

FIELD = "headlight_removed"
MOST = 100_000  # more layers or heads than any model has
Head = tuple[int, int]  # (layer, head), both from 0


@dataclass(frozen=True, slots=True)
class RemovedHeads:
    """The heads that a smaller model still has, by their numbers in the original.

    heads, kv_heads: how many query heads and key/value heads every layer of the original had (MLA: as many of both).
    kept: for each layer of the original its remaining heads, ascending; empty for a layer that has none. A layer without
    heads makes no attention call, so the smaller model's layers are counted without it; see `origin`.
    """

    heads: int
    kv_heads: int
    kept: tuple[tuple[int, ...], ...]

    @classmethod
    def none(cls, layers: int, heads: int, kv_heads: int) -> RemovedHeads:
        """The record of a model that has all its heads."""
        return cls(heads, kv_heads, (tuple(range(heads)),) * layers)

    @property
    def gone(self) -> tuple[Head, ...]:
        """(layer, head) of all that were removed, as the original counts them."""
        return tuple(
            (layer, head)
            for layer, kept in enumerate(self.kept)
            for head in range(self.heads)
            if head not in kept
        )

    @property
    def layers(self) -> tuple[int, ...]:
        """The original's layers that still have heads: the smaller model's layers, in order."""
        return tuple(layer for layer, kept in enumerate(self.kept) if kept)

    def origin(self, layer: int, head: int) -> Head:
        """(layer, head) in the original of a head of the smaller model."""
        original = self.layers[layer]
        return original, self.kept[original][head]

    def kv_head(self, head: int) -> int:
        """The original key/value head that an original head reads."""
        return head // (self.heads // self.kv_heads)

    def kv_kept(self, layer: int) -> tuple[int, ...]:
        """The original's key/value heads that are left in one of its layers: those that a remaining head reads."""
        return tuple(sorted({self.kv_head(head) for head in self.kept[layer]}))

    def reads(self, layer: int) -> tuple[int, ...]:
        """For each remaining head of an original's layer the place of its key/value head among those left."""
        left = self.kv_kept(layer)
        return tuple(left.index(self.kv_head(head)) for head in self.kept[layer])

    def even(self, layer: int) -> bool:
        """Whether equally many heads are left for each key/value head that is left in one of the original's layers."""
        return len(set(Counter(self.reads(layer)).values())) <= 1

    def as_json(self) -> dict[str, Any]:
        """What stands in the config."""
        return {"heads": self.heads, "kv_heads": self.kv_heads, "kept": [list(row) for row in self.kept]}


def removed_heads(config: Any) -> RemovedHeads | None:
    """The record in a config, None where there is none. Raises BrokenWeights where it is not sound."""
    held: Any = getattr(config, FIELD, None)
    if held is None:
        return None
    if not isinstance(held, dict) or cast(dict[Any, Any], held).keys() != {"heads", "kv_heads", "kept"}:
        raise unsound("it should hold “heads”, “kv_heads” and “kept”")
    told = cast(dict[str, Any], held)
    heads, kv_heads, kept = told["heads"], told["kv_heads"], told["kept"]
    if not all(_whole(number) and 0 < number <= MOST for number in (heads, kv_heads)) or heads % kv_heads:
        raise unsound(f"{heads!r} heads cannot share {kv_heads!r} key/value heads")
    if not isinstance(kept, list) or not 0 < len(cast(list[Any], kept)) <= MOST:
        raise unsound("“kept” should be a list with a row for each layer")
    rows = cast(list[Any], kept)
    for layer, row in enumerate(rows):
        if not isinstance(row, list) or not all(
            _whole(head) and 0 <= head < heads for head in cast(list[Any], row)
        ):
            raise unsound(f"layer {layer} should name heads from 0 to {heads - 1}")
        if any(later <= head for head, later in pairwise(cast(list[int], row))):
            raise unsound(f"the heads of layer {layer} should be in order, each once")
    if not any(rows):
        raise unsound("it leaves the model no heads at all")
    return RemovedHeads(heads, kv_heads, tuple(map(tuple, rows)))


def is_stock(config: PreTrainedConfig) -> bool:
    """Whether transformers alone reads a model of this config rightly: a class of its own, counted without removed heads."""
    record = removed_heads(config)
    counted = record is None or config.num_attention_heads != record.heads
    return counted and type(config).__module__.startswith("transformers.")


def _whole(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)


def unsound(why: str) -> BrokenWeights:
    """The error for a record that is not sound, as a sentence with the reason in it."""
    return BrokenWeights(
        f"The record of removed heads in config.json (“{FIELD}”) is not sound: {why}; export the model again."
    )
