"""Random-weight shapes as short texts, "random:mla,layers=4,heads=8", so that a link to them works."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, cast

from models.measuring.random_shapes import PRESETS, RandomShape
from models.shape.attention_geometry import KIND_NAMES, Kind

_START = "random:"
_SIZES = tuple(field.name for field in fields(RandomShape) if field.name != "kind")
_LONGEST = 7  # digits; the engine refuses what is too large in a sentence


def shape_name(shape: RandomShape) -> str:
    """Sizes that are 0 are left out."""
    sizes = [f"{name}={value}" for name in _SIZES if (value := getattr(shape, name))]
    return _START + ",".join([shape.kind, *sizes])


def read_shape(name: str) -> RandomShape | None:
    """The shape of such a text; None where it is none."""
    kind, *items = name.removeprefix(_START).split(",")
    if not name.startswith(_START) or kind not in KIND_NAMES:
        return None
    sizes: dict[str, Any] = dict.fromkeys(("layers", "d_model", "heads", "d_head"), 0)
    for item in items:
        size, _, digits = item.partition("=")
        if size not in _SIZES or not digits.isascii() or not digits.isdigit() or len(digits) > _LONGEST:
            return None
        sizes[size] = int(digits)
    return RandomShape(kind=cast(Kind, kind), **sizes)


def shape_label(shape: RandomShape) -> str:
    """How the page names it: after the model it is scaled down from, or by its sizes."""
    for preset in PRESETS.values():
        if preset.shape == shape:
            return f"random, like {preset.name}"
    latent = f", latent {shape.kv_lora_rank}" if shape.kind == "mla" else ""
    shared = f", {shape.kv_heads} KV" if shape.kind == "gqa" else ""
    return f"random {shape.kind.upper()} {shape.layers} x {shape.heads}{shared}, {shape.d_model} wide{latent}"
