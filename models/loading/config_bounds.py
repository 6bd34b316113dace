"""Numbers in a stranger's config, held against what text models have, before transformers reads them.

transformers makes a list as long as the config says there are layers, and builds every one of them, before it looks at
the weights: a config of a few bytes could keep a machine busy for hours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from models.errors import BrokenWeights, UnsupportedModel
from models.shape.removed_heads import FIELD

_LAYERS = r"(^|_)(layers?|blocks?|hidden_groups|feedforward_networks)$|^inner_group_num$"
_SHARED_LAYERS = 64  # so many may read the same weights, as in ALBERT

# What a name counts, and the most of it: several times what the largest published text models have.
_BOUNDS: tuple[tuple[re.Pattern[str], str, int], ...] = (
    (re.compile(_LAYERS), "layers", 1_000),
    (re.compile(r"^hops$"), "hops", 1_000),
    (re.compile(r"experts?($|_)|expert_groups?$"), "experts", 100_000),
    (re.compile(r"(^|_)heads?($|_groups?$)"), "heads", 10_000),
    (re.compile(r"position|seq_len|ctx|context|window"), "positions", 2**28),
    (re.compile(r"^n_(embd|inner)$|vocab|size"), "of one size", 2**28),
    (re.compile(r"^(num|n)_"), "of one kind", 100_000),
    (re.compile(r""), "of one size", 2**28),
)
# Nothing is built by these.
_FREE = re.compile(
    r"_ids?$|version|seed|max_length|_length$|theta|base$|factor|token|_params?$|flops|bytes|max_window_layers"
)
_MOST_ENTRIES = 100_000
_MOST_DEPTH = 20


def check_bounds(name: str, config: Mapping[str, Any], tensors: int | None = None) -> None:
    """Raise UnsupportedModel or BrokenWeights where a number of the config is beyond what a text model can have, or the
    config is too large.

    name: what the person asked for, and reads in the message. tensors: how many its weight files hold, of which every
    layer has one at least; None where they are not at hand.
    """
    foreign = {
        key: value for key, value in config.items() if key != FIELD
    }  # our own record has its own bounds
    for entries, (key, value) in enumerate(_leaves(name, foreign), start=1):
        if entries > _MOST_ENTRIES:
            raise UnsupportedModel(
                f"The config of “{name}” holds more than {_MOST_ENTRIES:,} entries, which no text model needs: choose "
                "another model."
            )
        if isinstance(value, int) and not isinstance(value, bool) and not _FREE.search(key):
            _check_number(name, key, value)
            if tensors is not None and re.search(_LAYERS, key) and value > max(tensors, _SHARED_LAYERS):
                raise BrokenWeights(
                    f"The config of “{name}” asks for {key} = {value:,}, but its weight files hold no more than {tensors:,} "
                    "tensors: one of them belongs to another model; fetch it again, or choose another."
                )


def _check_number(name: str, key: str, value: int) -> None:
    for pattern, what, most in _BOUNDS:
        if pattern.search(key):
            if abs(value) > most:
                shown = f"{value:,}" if abs(value) < 10**18 else "more than a billion billion"
                raise UnsupportedModel(
                    f"The config of “{name}” asks for {key} = {shown}, but no more than {most:,} {what} are taken here: "
                    "correct it against the model's own config.json, or choose another model."
                )
            return


def _leaves(name: str, value: Any, depth: int = 0, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every number and string with the nearest name above it."""
    if depth > _MOST_DEPTH:
        raise UnsupportedModel(
            f"The config of “{name}” is nested more than {_MOST_DEPTH} levels deep, which no text model needs: choose "
            "another model."
        )
    if isinstance(value, Mapping):
        for inner, item in value.items():
            yield from _leaves(name, item, depth + 1, inner)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(name, item, depth + 1, key)
    else:
        yield key, value
