"""Heads removed for real against heads that are only switched off: prefill and decode, beside what operations foretell.

Removed / gated, so below 1 the smaller model is the quicker; timed in turn. Every other head group or head goes, so that half
of them are left in each layer, or as near to half as whole groups come.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import models
from models.removal.flops import reading_flops, writing_flops
from models.run.head_gates import Head
from tests.benchmarks.measuring import ratio
from tests.benchmarks.report import Line, from_ratio

GATED, REMOVED = "gated", "removed"


@dataclass(frozen=True, slots=True)
class Plan:
    """model: whose heads go. new: tokens that are written one by one after the prompt."""

    model: str
    prompt: int
    new: int
    batches: tuple[int, ...]


FULL = Plan("smollm2-135m", 512, 32, (1, 4))
QUICK = Plan("family-gqa", 24, 3, (1,))


def removal(plan: Plan, rounds: int) -> Iterator[Line]:
    model = models.load(plan.model, "cpu", "float32")
    for what, heads in _choices(model).items():
        smaller, cost = models.remove_heads(model, heads), models.removal_cost(model, heads)
        share = len(heads) / sum(cost.heads_before)
        of = f"{plan.model}, {share:.0%} of the heads, {what}"
        yield from _sizes(cost, of)
        reading = reading_flops(model, cost, plan.prompt)
        writing = writing_flops(model, cost, plan.prompt + plan.new)
        assert writing is not None
        three = [models.Contender(GATED, model, heads_off=heads), models.Contender(REMOVED, smaller)]
        for batch in plan.batches:
            gated, removed = models.measure_in_turn(three, plan.prompt, plan.new, batch, rounds)
            formula = f"operations; heads are {reading.share:.0%} of them"
            yield from_ratio(
                f"{of}: prefill of {plan.prompt} tokens, batch {batch}, removed / gated",
                ratio(removed.prefill_s, gated.prefill_s), predicted=reading.left, formula=formula,
                note=f"{1000 * gated.prefill_s.median:.3g} and {1000 * removed.prefill_s.median:.3g} ms",
            )  # fmt: skip
            formula = f"operations; heads are {writing.share:.0%} of them"
            yield from_ratio(
                f"{of}: decode at {plan.prompt} tokens, batch {batch}, removed / gated",
                ratio(removed.decode_ms_per_token, gated.decode_ms_per_token), predicted=writing.left, formula=formula,
                note=f"{gated.decode_ms_per_token.median:.3g} and {removed.decode_ms_per_token.median:.3g} ms a step",
            )  # fmt: skip


def _choices(model: models.AttentionModel) -> dict[str, tuple[Head, ...]]:
    """Half of the heads in three ways: as they come, equally many of each group, and whole groups."""
    # Which half alternates from layer to layer, so that an odd number of heads evens out.
    every_other = [(layer, head) for layer, head in _grid(model) if (layer + head) % 2]
    if model.geometry.kv_heads == model.geometry.heads:
        return {"every other head": tuple(every_other)}
    size = model.geometry.heads // model.geometry.kv_heads
    groups = tuple((layer, head) for layer, head in _grid(model) if (layer + head // size) % 2)
    return {
        "every other head": tuple(every_other),
        "equally many of each group": models.equal_per_group(model, every_other),
        "whole groups": groups,
    }


def _grid(model: models.AttentionModel) -> list[Head]:
    return [(layer, head) for layer in range(model.geometry.layers) for head in range(model.geometry.heads)]


def _sizes(cost: models.RemovalCost, of: str) -> Iterator[Line]:
    yield Line(f"{of}: parameters left", cost.parameters_after / cost.parameters_before)
    yield Line(f"{of}: cache left", cost.cache_bytes_after / cost.cache_bytes_before)
