"""The sweep of all heads beside the plain loop, and how many heads of a real model can go.

Sweep / loop, so below 1 the sweep is the quicker; the targets are the reciprocals of how many times it shall be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

import models
from models.pruning.importance_by_sweep import Metric
from models.pruning.order import ORDERS
from models.run.model import demand_tokenizer
from tests.benchmarks.head_loops import loops
from tests.benchmarks.measuring import in_turn, ratio
from tests.benchmarks.report import Line, from_ratio
from tests.benchmarks.subjects import text_of

NEAR = 1e-5  # nats, between the sweep's values and the loop's
MORE = 0.05  # of the loss, up to which heads are removed


@dataclass(frozen=True, slots=True)
class Size:
    """tokens: of the swept text. rounds: of the sweep against the loop. read: tokens that heads are ranked on, in texts of
    `text_tokens`, and twice as many that they are measured on. points: of a curve. step: heads that the greedy order removes
    at once; greedy_keep: the share of the heads at which it stops, since every step is a sweep."""

    tokens: int = 128
    rounds: int = 3
    read: int = 512
    text_tokens: int = 128
    points: int = 31
    step: int = 9
    greedy_keep: float = 0.4


FULL = Size()
QUICK = Size(tokens=16, rounds=1, read=48, text_tokens=24, points=4, step=3, greedy_keep=0.0)


def sweeping(source: str, name: str, size: Size) -> Iterator[Line]:
    """The sweep of a GPT-2 against a full run with a hook for each head, of the same weights."""
    model = models.load(source, device="cpu", dtype="float32")
    text = text_of(demand_tokenizer(model), size.tokens)
    others = loops(source, model.tokenizer)
    ids = demand_tokenizer(model)(text, return_tensors="pt")["input_ids"][:, : size.tokens]
    targets: tuple[tuple[Metric, float], ...] = (("kl", 1 / 4), ("loss", 1 / 2))
    for metric, at_most in targets:
        jobs: dict[str, Callable[[], Tensor]] = {
            "sweep": lambda metric=metric: (
                models.sweep(model, text, metric=metric, max_tokens=size.tokens).mean
            ),
            **{key: lambda run=run, metric=metric: run(ids, metric) for key, run in others.items()},
        }
        found: dict[str, Tensor] = {}
        taken = in_turn({key: _keeping(found, key, job) for key, job in jobs.items()}, size.rounds, warm_up=0)
        for other in others:
            measured = ratio(taken["sweep"], taken[other])
            note = f"{1 / measured.median:.3g} times as quick; sweep {min(taken['sweep']):.3g} s"
            note += "" if len(others) > 1 else "; TransformerLens is not installed, so its loop is left out"
            what = f"sweep by {metric} / {other}, {name}, {size.tokens} tokens"
            yield from_ratio(what, measured, at_most=at_most if other == "loop" else None, note=note)
            apart = (found["sweep"] - found[other]).abs().max().item()
            note = f"the largest value is {found[other].abs().max().item():.3g}"
            what = f"sweep by {metric} - {other}, largest difference"
            yield Line(what, apart, "nats", NEAR, note=note)


def _keeping(found: dict[str, Tensor], name: str, job: Callable[[], Tensor]) -> Callable[[], None]:
    def run() -> None:
        found[name] = job()

    return run


def curves(source: str, name: str, size: Size) -> Iterator[Line]:
    """Share of the heads that can go for at most 5% more loss, in each order, on the text that comes with Headlight.

    Heads are ranked on its beginning and measured on what follows; nothing is trained in between.
    """
    model = models.load(source, device="cpu", dtype="float32")
    ranked_on = models.cut_into_texts(model, tokens=size.text_tokens, max_tokens=size.read)
    texts = models.cut_into_texts(model, tokens=size.text_tokens, max_tokens=3 * size.read)[len(ranked_on) :]
    for order in ORDERS:
        keep = size.greedy_keep if order == "iterative" else 0.0
        curve = models.prune_curve(
            model, texts, order, keep=keep, points=size.points, step=size.step, max_tokens=size.text_tokens,
            ranked_on=ranked_on,
        )  # fmt: skip
        share = curve.removable(MORE)
        note = (
            f"{round(share * curve.total)} of {curve.total} heads; loss {curve.mean[0]:.4g}, "
            f"without {curve.share[-1]:.0%} of them {curve.mean[-1]:.4g}"
        )
        yield Line(f"heads removable for at most {MORE:.0%} more loss, {order}, {name}", share, note=note)
        if order == "random":
            apart = curve.loss.std(0)[1:-1].max().item()
            yield Line(f"largest spread of {len(curve.loss)} random draws, {name}", apart, "nats")
