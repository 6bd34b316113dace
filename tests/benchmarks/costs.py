"""What a cache holds beside the formula, what a decode step takes in each cache mode, and how steady the measuring is.

Absorbed / other, so below 1 absorbed is the quicker; the targets are the reciprocals of how many times it shall be. All
caches, multi-head attention's too, grow by blocks instead of being copied at every token.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

import models
from models.measuring.measurement import Contender, Measurement, measure, measure_in_turn
from models.measuring.random_shapes import RandomShape, random_shape
from models.run.model import AttentionModel
from models.shape.family import KINDS, family_name
from tests.benchmarks.measuring import ratio
from tests.benchmarks.report import Line, from_ratio

MODES = ("expanded", "latent", "absorbed")
MHA = "multi-head attention of equal width"
STEPS = 8  # tokens that are written a repeat
# At 16 heads, by tokens of context: how many times quicker than latent, and than expanded.
TARGETS: Mapping[int, tuple[float, float]] = {512: (1.5, 1.1), 2048: (3.0, 1.4), 8192: (6.0, 1.9)}
STEADY = 0.05  # by which two runs of the same thing may differ in the median, on an idle machine


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of the models that are timed; keys of the latent one are d_model / heads wide before their rotary part.

    family_tokens: of the prompt that the family's caches are filled with.
    """

    width: int = 512
    layers: int = 6
    rank: int = 128
    rope: int = 32
    vocabulary: int = 4096
    heads: tuple[int, ...] = (16, 8)
    contexts: tuple[int, ...] = (512, 2048, 8192)
    batches: tuple[int, ...] = (1,)
    family_tokens: int = 440
    device: str = "cpu"


FULL = Plan()
QUICK = Plan(
    width=48, layers=2, rank=16, rope=8, vocabulary=131, heads=(4,), contexts=(24, 40), family_tokens=24
)
GPU = Plan(
    width=2048,
    layers=8,
    rank=512,
    rope=64,
    heads=(16,),
    contexts=(2048, 8192, 32768),
    batches=(1, 16, 64),
    device="cuda",
)


def costs(plan: Plan, rounds: int) -> Iterator[Line]:
    yield from family(plan)
    yield from steady(plan, rounds)
    yield from decode(plan, rounds)
    if plan == FULL and torch.cuda.is_available():
        yield from decode(GPU, rounds)


def family(plan: Plan) -> Iterator[Line]:
    """Bytes of the family's live caches, of MLA's in every mode."""
    for kind in KINDS:
        model = models.load(family_name(kind), device="cpu", dtype="float32")
        for mode in MODES if kind == "mla" else ("auto",):
            found = measure(model, plan.family_tokens, STEPS, cache=mode, repeats=1)
            yield _bytes(found, f"{model.name}{'' if mode == 'auto' else f', {mode}'}")


def steady(plan: Plan, rounds: int) -> Iterator[Line]:
    """One and the same thing measured twice, one after the other."""
    model = models.load(family_name("mha"), device="cpu", dtype="float32")
    twice = [measure(model, plan.family_tokens, 32, repeats=rounds) for _ in range(2)]
    for what in ("prefill_s", "decode_ms_per_token"):
        first, second = (getattr(each, what) for each in twice)
        yield Line(
            f"two runs of the same, difference of the medians of {what}",
            abs(first.median / second.median - 1),
            at_most=STEADY,
            note=f"medians {first.median:.4g} and {second.median:.4g}, quartiles {first.spread:.1%} and "
            f"{second.spread:.1%} apart, {rounds} repeats each",
        )


def decode(plan: Plan, rounds: int) -> Iterator[Line]:
    """A step of latent attention in its three modes and of multi-head attention of equal width, all in turn."""
    for heads in plan.heads:
        latent, plain = latent_model(plan, heads), plain_model(plan, heads)
        contenders = [*(Contender(mode, latent, mode) for mode in MODES), Contender(MHA, plain)]
        for context in plan.contexts:
            for batch in plan.batches:
                yield from _in_turn(contenders, heads, context, batch, rounds)


def latent_model(plan: Plan, heads: int) -> AttentionModel:
    """A dense DeepSeek-V3 with random weights."""
    return _random(
        plan, RandomShape("mla", kv_lora_rank=plan.rank, qk_rope_head_dim=plan.rope, **_sizes(plan, heads))
    )


def plain_model(plan: Plan, heads: int) -> AttentionModel:
    """A Llama with as many key/value heads as heads, random weights."""
    return _random(plan, RandomShape("mha", **_sizes(plan, heads)))


def _sizes(plan: Plan, heads: int) -> dict[str, int]:
    return {
        "layers": plan.layers,
        "d_model": plan.width,
        "heads": heads,
        "d_head": plan.width // heads,
        "feed_forward": 2 * plan.width,
        "vocab": plan.vocabulary,
    }


def _random(plan: Plan, shape: RandomShape) -> AttentionModel:
    return random_shape(shape, device=plan.device, dtype="float32" if plan.device == "cpu" else "bfloat16")


def _in_turn(
    contenders: list[Contender], heads: int, context: int, batch: int, rounds: int
) -> Iterator[Line]:
    where = f"{heads} heads, {context} tokens of context" + (f", batch {batch}" if batch > 1 else "")
    try:
        measured = measure_in_turn(contenders, context, STEPS, batch, rounds)
    except models.BadSelection as refused:  # too much for this machine's memory
        print(f"Not measured: {where}. {refused}")
        return
    found = {each.name: each for each in measured}
    for each in measured:
        yield _bytes(each, f"{each.name}, {where}")
    faster = TARGETS.get(context) if heads == 16 and batch == 1 and measured[0].device == "cpu" else None
    targets = {
        "latent": 1 / faster[0] if faster else None,
        "expanded": 1 / faster[1] if faster else None,
        MHA: 1.0 if faster and context == max(TARGETS) else None,
    }
    for name, target in targets.items():
        each = ratio(found["absorbed"].decode_ms_per_token, found[name].decode_ms_per_token)
        note = (
            f"{1 / each.median:.3g} times as quick; {_told(found[name])}, absorbed {_told(found['absorbed'])}"
        )
        yield from_ratio(f"absorbed / {name}, a decode step, {where}", each, at_most=target, note=note)


def _told(found: Measurement) -> str:
    step, prefill = found.decode_ms_per_token, found.prefill_s
    return f"{step.median:.3g} ms a step (quartiles {step.spread:.0%} apart), prompt {prefill.median:.3g} s"


def _bytes(found: Measurement, what: str) -> Line:
    """How far the live cache is from the formula, which shall be nothing at all."""
    assert found.formula_bytes is not None
    tokens = found.batch * (found.prompt_tokens + found.new_tokens)
    return Line(
        f"live cache less the formula, {what}",
        abs(found.cache_bytes - found.formula_bytes),
        unit="B",
        at_most=0,
        note=f"{found.cache_bytes:,} bytes, {found.cache_bytes / tokens:,.6g} a token"
        + (f"; {found.spare_bytes / 1e6:.3g} MB preallocated behind" if found.spare_bytes else ""),
    )
