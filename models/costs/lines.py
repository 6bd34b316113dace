"""Formulas as people read them, with the numbers filled in."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from models.costs.arithmetic import (
    Case,
    again_bytes,
    cache_bytes_of,
    cross_bytes,
    kept_per_token,
    prompt_attention_flops,
    step_attention_flops,
)
from models.costs.model_anatomy import Layers
from models.costs.weights import WeightPart, Weights
from models.shape.attention_geometry import Geometry


@dataclass(frozen=True, slots=True)
class Line:
    """One number. what: a name for it; text: its formula with every number in it, the result behind “=”."""

    what: str
    text: str
    value: int
    unit: str


def cache_lines(case: Case) -> tuple[Line, ...]:
    """Cache per token and of all tokens, for each group of layers, then in all."""
    made: list[Line] = []
    groups = [group for group in case.model.layers if group.caches]
    for group in groups:
        each = case.size * group.count * kept_per_token(group, case.mode)
        made.append(
            _line(f"Cache of a token{_which(case, group)}", _per_token(case, group), each, "bytes per token")
        )
        kept = f"{case.tokens:,} tokens" if group.window is None else _windowed(case, group)
        whole = f"{each:,} bytes x {kept} x {case.batch:,} texts"
        made.append(_line(f"Cache{_which(case, group)}", whole, cache_bytes_of(case, group), "bytes"))
    if cross := cross_bytes(case):
        text = " + ".join(f"{_heads(one)} x {one.layers} layers" for one in _without_windows(case))
        text = f"({text})" if " + " in text else text
        whole = f"{text} x {case.source_tokens:,} source tokens x {case.batch:,} texts x {case.size} bytes"
        made.append(_line("Cache of the source, for cross-attention", whole, cross, "bytes"))
    if len(groups) > 1 or cross:
        parts = [line.value for line in made if line.unit == "bytes"]
        made.append(_line("Cache in all", " + ".join(f"{part:,}" for part in parts), sum(parts), "bytes"))
    return tuple(made)


def weight_lines(weights: Weights, size: int) -> tuple[Line, ...]:
    """Every kind of matrix, then all of them, then what one token's pass reads."""
    made = [_line(part.name, _matrix(part), part.parameters, "parameters") for part in weights.parts]
    made.append(
        _line("Weights", f"{weights.total:,} parameters x {size} bytes", size * weights.total, "bytes")
    )
    if weights.read is not None:
        left_out = "without the rows of the embedding that it does not take"
        if weights.experts:
            left_out += f", {weights.chosen} of {weights.experts} experts"
        text = f"{weights.read:,} parameters ({left_out}) x {size} bytes"
        made.append(_line("Weights that one token reads", text, size * weights.read, "bytes"))
    return tuple(made)


def flops_lines(case: Case, weights: Weights, prefill: int, decode: int) -> tuple[Line, ...]:
    """Operations of the prompt and of a step."""
    of_prompt = sum(prompt_attention_flops(group, case.tokens) for group in case.model.layers)
    of_step = sum(step_attention_flops(group, case.tokens, case.mode) for group in case.model.layers)
    weighed = f"2 x {weights.multiplied:,} weights"
    head = f"2 x {weights.head:,} of the language head"
    return (
        _line(
            "Operations of the prompt",
            f"({weighed} x {case.tokens:,} tokens + {head} + {of_prompt:,} of attention) x {case.batch:,} texts",
            prefill,
            "operations",
        ),
        _line(
            "Operations of a step",
            f"({weighed} + {head} + {of_step:,} of attention) x {case.batch:,} texts",
            decode,
            "operations",
        ),
    )


def moved_lines(case: Case, read: tuple[int, int], cache: int, prefill: int, decode: int) -> tuple[Line, ...]:
    """Bytes moved by the prompt and by a step. read: parameters that each of them reads."""
    again = sum(again_bytes(case, group) for group in case.model.layers)
    more = f" + {again:,} of keys and values expanded again" if again else ""
    return (
        _line(
            "Bytes moved by the prompt",
            f"{read[0]:,} weights x {case.size} bytes + {cache:,} of cache",
            prefill,
            "bytes",
        ),
        _line(
            "Bytes moved by a step",
            f"{read[1]:,} weights x {case.size} bytes + {cache:,} of cache{more}",
            decode,
            "bytes",
        ),
    )


def _line(what: str, formula: str, value: int, unit: str) -> Line:
    return Line(what, f"{formula} = {value:,} {unit}", value, unit)


def _without_windows(case: Case) -> list[Geometry]:
    """Layers in groups of equal sizes: the source is kept whole where the text is not."""
    counts: Counter[Geometry] = Counter()
    for group in case.model.layers:
        counts[replace(group.shape, layers=1, sliding_window=None)] += group.count
    return [replace(one, layers=count) for one, count in counts.items()]


def _which(case: Case, group: Layers) -> str:
    if len(case.model.layers) == 1:
        return ""
    window = "" if group.window is None else f" with a window of {group.window:,}"
    return f", {group.count} layers{window}"


def _per_token(case: Case, group: Layers) -> str:
    shape = group.shape
    if not shape.heads:
        kept = "1 number that stands for the length, no heads being left,"
    elif shape.kind == "mla" and case.mode != "expanded":
        rope = f" + {shape.qk_rope_head_dim} qk_rope_head_dim" if shape.qk_rope_head_dim else ""
        kept = f"({shape.kv_lora_rank} kv_lora_rank{rope})"
    else:
        kept = _heads(shape)
    return f"{kept} x {group.count} layers x {case.size} bytes"


def _heads(shape: Geometry) -> str:
    if shape.d_head == shape.v_head_dim:
        return f"2 x {shape.kv_heads} kv_heads x {shape.d_head} d_head"
    return f"{shape.kv_heads} kv_heads x ({shape.d_head} d_head + {shape.v_head_dim} v_head_dim)"


def _windowed(case: Case, group: Layers) -> str:
    return f"min({case.tokens:,} tokens, window {group.window:,} - 1)"


def _matrix(part: WeightPart) -> str:
    shape = " x ".join(f"{size:,}" for size in part.shape)
    return f"{part.count:,} x ({shape})" if part.count > 1 else shape
