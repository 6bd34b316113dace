"""What must hold of a capture's description, checked from it and from the arrays' headers before any array is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from math import isfinite
from typing import Any, get_args

import numpy as np

from models.look.array_file import MOST_BYTES, Array, ArrayFile, Unsound
from models.shape.architecture import Role
from models.shape.attention_geometry import FORM_NAMES, KIND_NAMES, MOST_LAYERS, Geometry
from models.shape.layer_kinds import Keeps

LARGEST = 2**31  # of any number in it
LONGEST_NAME = 1_000
_NEEDED = {field.name for field in fields(Geometry) if field.default is MISSING} - {"context"}
_AXES = {
    "encoder": ("source", "source"),
    "decoder": ("target", "target"),
    "cross": ("target", "source"),
    "memory": ("hop", "memory"),
}
_WORDS = {
    "kind": tuple(KIND_NAMES),
    "form": tuple(FORM_NAMES),
    "role": get_args(Role),
    "keeps_per_layer": get_args(Keeps),
}


def check_description(head: Any, file: ArrayFile) -> None:
    """Raise Unsound where the parts of a capture do not fit together."""
    if not isinstance(head, dict):
        raise Unsound("its description is no JSON object")
    _check_geometry(_part(head, "geometry", dict))
    lengths = _check_tokens(_part(head, "ids", dict), _part(head, "tokens", dict))
    _check_rest(head)
    _check_hops(head, lengths.get("hop", 0))
    stacks = _part(head, "stacks", dict)
    if not stacks or not stacks.keys() <= _AXES.keys():
        raise Unsound("its stacks are not encoder, decoder, cross or memory")
    for stack, records in stacks.items():
        axes = ("text", "text") if {*lengths} == {"text"} else _AXES[stack]
        if (
            not set(axes) <= lengths.keys()
            or not isinstance(records, list)
            or not 0 < len(records) <= MOST_LAYERS
        ):
            raise Unsound(f"the layers of its {stack} are not what they should be")
        for record in records:
            _check_record(record, file, *(lengths[axis] for axis in axes))
    _check_candidates(head, file, lengths.get("text", lengths.get("target", 0)))


def _part(held: Mapping[str, Any], name: str, kind: type) -> Any:
    value = held.get(name)
    if not isinstance(value, kind):
        raise Unsound(f"its {name} is not what it should be")
    return value


def is_count(value: Any, most: int = LARGEST) -> bool:
    """Whether it is a whole number from 0 to `most`."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _check_geometry(held: dict[str, Any]) -> None:
    if not held.keys() <= {field.name for field in fields(Geometry)} or not is_count(
        held.get("layers"), MOST_LAYERS
    ):
        raise Unsound("its geometry is that of another version, or of none")
    for name, value in held.items():
        items = value if isinstance(value, list) else [value]
        listed = isinstance(value, list) and name.endswith(("_per_layer", "_ranks"))
        if not (listed or not isinstance(value, list)) or not all(_fits(name, item) for item in items):
            raise Unsound(f"the {name} of its geometry is not what it should be")


def _fits(name: str, item: Any) -> bool:
    if item is None:
        return name not in _NEEDED
    return item in _WORDS[name] if name in _WORDS else is_count(item)


def _check_tokens(ids: dict[str, Any], tokens: dict[str, Any]) -> dict[str, int]:
    """How many tokens each axis has."""
    if ids.keys() != tokens.keys() or ids.keys() not in (
        {"text"},
        {"source", "target"},
        {"text", "hop", "memory"},
    ):
        raise Unsound("its tokens are of no text, and of no source and target")
    for axis, own in ids.items():
        strings = tokens[axis]
        if not isinstance(own, list) or not isinstance(strings, list) or len(own) != len(strings) or not own:
            raise Unsound(f"the tokens of its {axis} do not fit their ids")
        if not all(map(is_count, own)) or not all(isinstance(token, str) for token in strings):
            raise Unsound(f"the tokens of its {axis} are not numbers with strings")
    return {axis: len(own) for axis, own in ids.items()}


def _check_rest(head: dict[str, Any]) -> None:
    if len(_part(head, "model_name", str)) > LONGEST_NAME or not is_count(head.get("dropped")):
        raise Unsound("its model's name or its number of dropped tokens is not what it should be")
    second = head.get("second_start")
    if second is not None and not is_count(second):
        raise Unsound("the place of its second sentence is no number")
    pairs = _part(head, "heads_off", list)
    if not all(isinstance(pair, list) and len(pair) == 2 and all(map(is_count, pair)) for pair in pairs):
        raise Unsound("the heads that were off are not pairs of layer and head")
    if not all(isinstance(cut, dict) for cut in head.get("latents_off", ())):
        raise Unsound("what was cut of its latents is not what it should be")


def _check_hops(head: dict[str, Any], hops: int) -> None:
    told = head.get("switched_off")
    off = told.get("hops", []) if isinstance(told, dict) else []
    if not isinstance(off, list) or not all(is_count(hop, hops - 1) for hop in off):
        raise Unsound("the hops that were off are not those of its memory")


def _check_record(record: Any, file: ArrayFile, queries: int, keys: int) -> None:
    if not isinstance(record, dict):
        raise Unsound("one of its layers is no JSON object")
    if "pattern" in record:
        _demand(
            _floats(file, record["pattern"]).shape[1:] == (queries, keys), "a pattern does not fit its tokens"
        )
        return
    tensors = _part(record, "tensors", dict)
    query, key, value = (_floats(file, tensors.get(name)) for name in ("query", "key", "value"))
    heads, kv_heads = query.shape[0], key.shape[0]
    _demand(
        query.shape[1] == queries and key.shape[1] == value.shape[1] == keys,
        "queries or keys do not fit its tokens",
    )
    _demand(
        query.shape[2] == key.shape[2] > 0 and value.shape[2] > 0,
        "queries and keys are not as wide as each other",
    )
    _demand(heads > 0 and kv_heads == value.shape[0] > 0, "keys and values are not as many as each other")
    reads = record.get("kv_heads_of")
    if reads is None:
        _demand(heads % kv_heads == 0, f"{heads} heads cannot share {kv_heads} key/value heads")
    else:
        fits = (
            isinstance(reads, list)
            and len(reads) == heads
            and all(is_count(read, kv_heads - 1) for read in reads)
        )
        _demand(fits, f"its {heads} heads do not each read one of {kv_heads} key/value heads")
    _check_added(tensors, file, (heads, queries, keys))
    _check_numbers(record)
    if record.get("value_norms") is not None:
        _demand(
            _floats(file, record["value_norms"], 2).shape == (heads, keys),
            "norms of values do not fit its heads and keys",
        )
    if record.get("latent") is not None:
        _check_latent(_part(record, "latent", dict), file, keys, key.shape[2])


def _check_added(tensors: dict[str, Any], file: ArrayFile, whole: tuple[int, int, int]) -> None:
    """Masks, biases and sinks, each broadcast to the pattern that it belongs to."""
    allowed = {"query", "key", "value", "mask", "position_bias", "sinks"}
    _demand(tensors.keys() <= allowed, "a layer holds tensors that are not known")
    heads, queries, keys = whole
    for name in ("mask", "position_bias", "sinks"):
        if name not in tensors:
            continue
        told = file.header(tensors[name])
        last = (1,) if name == "sinks" else (keys,)
        fits = (
            len(told.shape) == 3
            and told.shape[0] in (1, heads)
            and told.shape[1] in (1, queries)
            and told.shape[2] in last
        )
        kinds = "fb" if name == "mask" else "f"
        _demand(
            fits and told.dtype.kind in kinds,
            f"the {name.replace('_', ' ')} of a layer does not fit its patterns",
        )


def _check_numbers(record: dict[str, Any]) -> None:
    for name in ("scaling", "softcap"):
        value = record.get(name)
        number = (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and abs(value) < LARGEST
            and isfinite(value)
        )
        if not number and not (name == "softcap" and value is None):
            raise Unsound(f"the {name} of a layer is no number")
    _demand(record.get("softcap") != 0, "the softcap of a layer is 0")
    _part(record, "causal", bool)


def _check_latent(latent: dict[str, Any], file: ArrayFile, positions: int, width: int) -> None:
    parts = [latent.get("kv"), *([] if latent.get("query") is None else [latent["query"]])]
    shapes = [_floats(file, part, 2).shape for part in parts]
    rope = latent.get("rope")
    fits = all(shape[0] == positions for shape in shapes) and (rope is None or is_count(rope, width))
    _demand(fits, f"latents do not fit their {positions} positions")


def _check_candidates(head: dict[str, Any], file: ArrayFile, positions: int) -> None:
    places, named = _part(head, "places", list), _part(head, "candidates", list)
    _demand(all(is_count(place, positions - 1) for place in places), "its predictions are of no token of it")
    if not places:
        return
    ids, shares = file.header("candidate_ids"), file.header("candidate_probabilities")
    fits = (
        ids.dtype == np.int64
        and shares.dtype == np.float32
        and ids.shape == shares.shape
        and len(ids.shape) == 2
    )
    _demand(
        fits and ids.shape[0] == len(places) == len(named) and ids.shape[1] > 0,
        "its predictions do not fit their places",
    )
    rows = all(isinstance(row, list) and len(row) == ids.shape[1] for row in named)
    _demand(
        rows and all(isinstance(token, str) for row in named for token in row),
        "its predictions have no strings",
    )


def check_vocabulary(ids: np.ndarray) -> None:
    """Raise Unsound where the ids of predicted tokens would need a table larger than a file may unpack to."""
    fits = ids.min() >= 0 and len(ids) * (int(ids.max()) + 1) * 4 <= MOST_BYTES
    _demand(fits, "the ids of its predictions are those of no vocabulary")


def _floats(file: ArrayFile, name: Any, axes: int = 3) -> Array:
    told = file.header(name)
    _demand(
        told.dtype.kind == "f" and len(told.shape) == axes,
        "one of its arrays is not what its description says",
    )
    return told


def _demand(fits: bool, why: str) -> None:
    if not fits:
        raise Unsound(why)
