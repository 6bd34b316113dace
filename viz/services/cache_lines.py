"""What a model's cache takes while it writes, by formula: its own, and as every other kind of attention."""

from __future__ import annotations

from dataclasses import dataclass

import torch

import models
from models.costs.planner import every_layer_as
from models.shape.attention_geometry import KIND_NAMES, Kind
from viz.figures.cache_growth import KindLine

_POINTS = 32  # of a line that need not be straight: a window ends, a state stays as it is


@dataclass(frozen=True, slots=True)
class CacheLines:
    """By formula, of one text. lines: the model's own first, where it is known. source_tokens: see `cache_lines`."""

    known: models.Anatomy
    dtype: torch.dtype
    source_tokens: int | None
    lines: tuple[KindLine, ...]

    def own_bytes(self, tokens: int) -> int | None:
        """What the model's own cache keeps of so many tokens; None where it keeps no keys and values."""
        if self.known.shape.form != "dot product":
            return None
        return _bytes(self.known, tokens, self.dtype, self.source_tokens)


def cache_lines(model: models.AttentionModel, tokens: int, source_tokens: int | None = None) -> CacheLines:
    """Up to so many tokens.

    source_tokens: of the text that an encoder-decoder answers to; there is none but its own line then, for it keeps two
    caches, of which one does not grow.
    """
    known = models.anatomy(model)
    if known.shape.form != "dot product":
        return CacheLines(known, model.dtype, source_tokens, ())
    lines = [_own(known, model.dtype, tokens, source_tokens)]
    if source_tokens is None:
        lines += [_other(kind, known, model.dtype, tokens) for kind in KIND_NAMES if kind != known.shape.kind]
    return CacheLines(known, model.dtype, source_tokens, tuple(line for line in lines if line.points))


def _own(known: models.Anatomy, dtype: torch.dtype, tokens: int, source_tokens: int | None) -> KindLine:
    places = sorted({1 + round(step * (tokens - 1) / (_POINTS - 1)) for step in range(_POINTS)})
    points = [(place, _bytes(known, place, dtype, source_tokens)) for place in places]
    kept = tuple((place, held) for place, held in points if held is not None)
    return KindLine(_name(known.shape), known.shape.kind, kept, own=True)


def _other(kind: Kind, known: models.Anatomy, dtype: torch.dtype, tokens: int) -> KindLine:
    """Straight, since every layer keeps the whole context."""
    shaped = every_layer_as(kind, known)
    points = tuple((place, _bytes(shaped, place, dtype) or 0) for place in (1, tokens))
    return KindLine(_name(shaped.shape), kind, points)


def _bytes(
    known: models.Anatomy, tokens: int, dtype: torch.dtype, source_tokens: int | None = None
) -> int | None:
    return models.cost(known, tokens, 1, dtype, source_tokens=source_tokens).cache_bytes


def _name(shape: models.Geometry) -> str:
    """Of the kind, with the size that decides it."""
    if shape.kind == "gqa":
        return f"GQA-{shape.kv_heads}"
    if shape.kind == "mla":
        differ = len(set(shape.kv_lora_ranks or ())) > 1
        return f"MLA{'≤' if differ else '-'}{shape.kv_lora_rank}"
    return shape.kind.upper()
