"""Time: a capture beside the plain forward pass and eager attention; what is then looked at beside the same pass."""

from collections.abc import Callable, Iterator

import torch

import models
from models.run.model import demand_tokenizer
from tests.benchmarks.formulas import Cost
from tests.benchmarks.measuring import Timings, in_turn, ratio
from tests.benchmarks.report import Line, from_ratio
from tests.benchmarks.subjects import Subject, text_of

CAPTURE_AT_MOST = 1.15
REPLAY_AT_MOST = 1 / 20
WALL_AT_MOST = 1.0
BEATS_EAGER_FROM = 512  # tokens
REPLAY_AIMED_AT = 1024  # tokens


def looking(subject: Subject, cost: Cost, rounds: int) -> Iterator[Line]:
    """All ratios of one model at one length."""
    taken = in_turn(_jobs(subject, cost.tokens), rounds)
    forward, where = taken["forward"], f"{subject.name}, {cost.tokens} tokens"
    yield from_ratio(
        f"capture / plain forward, {where}",
        ratio(taken["capture"], forward),
        at_most=CAPTURE_AT_MOST,
        predicted=1.0,
        formula="queries, keys and values are kept by reference",
        note=_milliseconds(taken),
    )
    yield from_ratio(
        f"capture / eager output_attentions, {where}",
        ratio(taken["capture"], taken["eager"]),
        at_most=1.0 if cost.tokens >= BEATS_EAGER_FROM else None,
    )
    yield from_ratio(
        f"one head's exact pattern / plain forward, {where}",
        ratio(taken["pattern"], forward),
        at_most=REPLAY_AT_MOST if cost.tokens == REPLAY_AIMED_AT else None,
        predicted=cost.replay_flop / cost.forward_flop,
        formula="2 tokens^2 d_head, by operations",
    )
    yield from_ratio(
        f"tiles and scores of all {_heads(subject)} heads / plain forward, {where}",
        ratio(taken["wall"], forward),
        at_most=WALL_AT_MOST,
        predicted=cost.wall_flop / cost.forward_flop,
        formula="heads tokens^2 (d_head + tile), by operations, scores not counted",
    )


def _jobs(subject: Subject, tokens: int) -> dict[str, Callable[[], object]]:
    """What is timed in turn. The capture of a round is what its pattern and its wall are made from."""
    text = text_of(demand_tokenizer(subject.model), tokens)
    inputs = subject.inputs(text, tokens)
    latest: list[models.Capture] = []

    @torch.inference_mode()
    def forward() -> object:
        latest.clear()
        return subject.plain(**inputs)

    @torch.inference_mode()
    def eager() -> object:
        return subject.eager(**inputs, output_attentions=True)

    def capture() -> object:
        latest.append(models.capture(subject.model, text, max_tokens=tokens))
        return None

    layer, head = subject.model.geometry.layers // 2, subject.model.geometry.heads // 2
    return {
        "forward": forward,
        "capture": capture,
        "eager": eager,
        "pattern": lambda: latest[0].pattern(layer, head),
        "wall": lambda: latest[0].tiles(),
    }


def _heads(subject: Subject) -> int:
    return subject.model.geometry.layers * subject.model.geometry.heads


def _milliseconds(taken: Timings) -> str:
    best = {name: 1000 * min(seconds) for name, seconds in taken.items()}
    return "quickest, ms: " + ", ".join(f"{name} {value:.3g}" for name, value in best.items())
