"""What the fields of a card must be, each with the sentence that says so."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from models.errors import BadCard
from models.shape.attention_geometry import KIND_NAMES, Geometry


@dataclass(frozen=True, slots=True)
class Check:
    """expected: how a sentence names what is wanted; holds: whether a value is that."""

    expected: str
    holds: Callable[[Any], bool]


def check_fields(values: Mapping[str, Any]) -> None:
    """Raise BadCard for the first field that is not what CHECKS expects."""
    for name, value in values.items():
        if not CHECKS[name].holds(value):
            raise BadCard(f"The card's {name} should be {CHECKS[name].expected}, but is {short(value)}.")


def check_role(row: Mapping[str, Any], shape: Geometry) -> None:
    """Raise BadCard where a role is not of a head that there is, with a score and a chance between 0 and 1."""
    layer, head = row.get("layer"), row.get("head")
    if not (_below(layer, shape.layers) and _below(head, shape.heads)):
        raise BadCard(
            f"The card names a role of L{short(layer)} H{short(head)}, but the model has {shape.layers} layers x "
            f"{shape.heads} heads, counted from 0."
        )
    if not (_WORDS.holds(row.get("role")) and _is_share(row.get("score")) and _is_share(row.get("chance"))):
        raise BadCard(
            f"The card's role of L{layer} H{head} should have a name, and a score and a chance from 0 to 1, but is "
            f"{short(dict(row))}."
        )


def is_number(value: Any) -> bool:
    """Whether it is a finite number; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def short(value: Any) -> str:
    """A value as a sentence can carry it."""
    return " ".join(str(value)[:80].split())


def _below(value: Any, end: int) -> bool:
    return _at_least(0).holds(value) and value < end


def _is_share(value: Any) -> bool:
    return is_number(value) and 0 <= value <= 1


def _at_least(least: int) -> Check:
    return Check(
        f"a whole number of {least} or more",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= least,
    )


def _is_date(value: Any) -> bool:
    try:
        return bool(date.fromisoformat(value[:10]))
    except (TypeError, ValueError):
        return False


def _is_shape(value: Any) -> bool:
    """Whether a Geometry can be made of it."""
    if not isinstance(value, Mapping):
        return False
    counts = ("layers", "heads", "kv_heads", "d_head", "d_model", "v_head_dim", "vocab", "context")
    latent = ("kv_lora_rank", "qk_rope_head_dim") if value.get("kind") == "mla" else ()
    whole = all(_at_least(1).holds(value.get(name)) for name in (*counts, *latent))
    return whole and value.get("kind") in tuple(KIND_NAMES) and value.get("role") == "decoder"


def _is_rows(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(row, Mapping) for row in value)


def _is_curve(value: Any) -> bool:
    if not isinstance(value, list | tuple):
        return False
    return all(isinstance(p, list | tuple) and len(p) == 2 and all(map(is_number, p)) for p in value)


_WORDS = Check("some words", lambda value: isinstance(value, str) and bool(value.strip()))
_POSITIVE = Check("a number above 0", lambda value: is_number(value) and value > 0)
CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        **dict.fromkeys(("name", "device", "torch", "transformers", "licence", "command"), _WORDS),
        **dict.fromkeys(("corpus", "repeats", "probe"), _WORDS),
        "kind": Check("mha, mqa, gqa or mla", lambda value: value in tuple(KIND_NAMES)),
        "config": Check("the shape of a decoder, as essential_shape gives it", _is_shape),
        **dict.fromkeys(("parameters", "planned_tokens", "threads", "validation_tokens"), _at_least(1)),
        **dict.fromkeys(("tokens_seen", "seed"), _at_least(0)),
        **dict.fromkeys(("train_seconds", "validation_loss"), _POSITIVE),
        "date": Check("a date such as 2026-01-31", _is_date),
        "roles": Check("a list of objects", _is_rows),
        "curve": Check("a list of pairs of numbers", _is_curve),
    }
)
