"""Memory: what a capture needs beyond the model, beside eager attention; what it keeps, beside the formula."""

import sys
from collections.abc import Iterator

from tests.benchmarks.formulas import Cost
from tests.benchmarks.measuring import ratio
from tests.benchmarks.processes import child
from tests.benchmarks.report import Line, from_ratio
from tests.benchmarks.subjects import Subject

PEAK_AT_MOST = 1 / 5
WAYS = ("plain", "capture", "eager")


def memory(subject: Subject, cost: Cost, rounds: int, threads: int) -> Iterator[Line]:
    """Peaks of processes run in turn: plain, capture, eager, plain, ..."""
    if sys.platform != "linux":
        print("Peak memory is not measured here: the kernel's high-water mark can be set back on Linux only.")
        return
    peaks: dict[str, list[float]] = {way: [] for way in WAYS}
    kept = 0.0
    for _ in range(rounds):
        for way in WAYS:
            measured = child("memory", subject.source, way, cost.tokens, threads=threads)
            peaks[way].append(measured["extra_peak"])
            kept = max(kept, measured["kept"])
    where = f"{subject.name}, {cost.tokens} tokens"
    yield from_ratio(
        f"peak memory above the model, capture / eager, {where}",
        ratio(peaks["capture"], peaks["eager"]),
        at_most=PEAK_AT_MOST,
        note="highest, MB: " + ", ".join(f"{way} {max(peaks[way]) / 1e6:.4g}" for way in WAYS),
    )
    if min(_above(peaks, "eager")) > 0:  # tiny models drown in what the allocator keeps
        yield from_ratio(
            f"peak memory above the plain pass, capture / eager, {where}",
            ratio(_above(peaks, "capture"), _above(peaks, "eager")),
            at_most=PEAK_AT_MOST,
            predicted=cost.kept_bytes / cost.patterns_bytes,
            formula="(heads + 2 kv_heads) d_head / (heads tokens)",
        )
    yield Line(
        f"kept by a capture, {where}",
        kept / 1e6,
        unit="MB",
        predicted=cost.kept_bytes / 1e6,
        formula="layers tokens (heads + 2 kv_heads) d_head 4 bytes",
        note="Capture.nbytes, with the probabilities of the next token",
    )


def _above(peaks: dict[str, list[float]], way: str) -> list[float]:
    """What looking adds to the passing activations that every forward pass has."""
    return [peak - plain for peak, plain in zip(peaks[way], peaks["plain"], strict=True)]
