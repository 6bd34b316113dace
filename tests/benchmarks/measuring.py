"""Ratios of things timed in turn: A B C A B C, so that what disturbs the machine disturbs all of them alike."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Timings = Mapping[str, Sequence[float]]  # seconds per job, one a round


@dataclass(frozen=True, slots=True)
class Ratio:
    """Median over the rounds of one quantity over another, and the quartiles around it."""

    median: float
    low: float
    high: float
    rounds: int


def in_turn(jobs: Mapping[str, Callable[[], object]], rounds: int, warm_up: int = 1) -> Timings:
    """Run all jobs after each other, `warm_up` rounds uncounted and `rounds` counted; what a job returns is dropped
    after its clock has stopped."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for number in range(warm_up + rounds):
        for name, job in jobs.items():
            started = time.perf_counter()
            result = job()
            seconds = time.perf_counter() - started
            del result
            if number >= warm_up:
                taken[name].append(seconds)
    return taken


def ratio(over: Sequence[float], under: Sequence[float]) -> Ratio:
    """The ratio is taken within each round, before the median: a slow minute then cancels out."""
    if len(over) != len(under) or not over:
        raise ValueError(f"rounds must pair up: {len(over)} measured over {len(under)}")
    each = [a / b for a, b in zip(over, under, strict=True)]
    low, high = _quartiles(each)
    return Ratio(statistics.median(each), low, high, len(each))


def _quartiles(values: Sequence[float]) -> tuple[float, float]:
    if len(values) == 1:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high
