"""Where axes have their ticks, and how far they reach."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, floor, log2, log10

from viz.figures.layout.chart import Part
from viz.figures.number_text import told_bytes

FEW, CLOSE = 4, 1.4


def log_range(values: Sequence[float], room: float, least: float) -> list[float] | None:
    """Of a logarithmic axis, in powers of ten; None without values.

    room: left free on both sides, as a share of the range, which counts as `least` powers of ten where it is shorter.
    """
    if not values:
        return None
    low, high = log10(min(values)), log10(max(values))
    spare = room * max(high - low, least)
    return [low - spare, high + spare]


def round_ticks(values: Sequence[float]) -> list[float]:
    """Round numbers that a logarithmic axis through these values shows three of or more, without crowding."""
    if not values:
        return []
    powers = range(floor(log10(min(values))), ceil(log10(max(values))) + 1)
    return [10.0**power for power in powers] if len(powers) > 4 else round_numbers(min(values), max(values))


def round_numbers(low: float, high: float) -> list[float]:
    """Where a logarithmic axis from low to high, both above zero, has its ticks: 1, 2 and 5 of each power of ten, or where
    that would be fewer than three, even steps."""
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    ticks = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    if len([tick for tick in ticks if low <= tick <= high]) >= 3:
        return ticks
    step = next(size for size in _steps(low, high) if (high - low) / size <= 4)
    return [step * number for number in range(floor(low / step) - 3, ceil(high / step) + 4) if number > 0]


def _steps(low: float, high: float) -> list[float]:
    """Steps to choose from, the finest first."""
    least = floor(log10(max(high - low, 0.01 * high))) - 1
    return [digit * 10.0**power for power in range(least, least + 4) for digit in (1, 2, 5)]


def doublings(values: Sequence[float]) -> list[int]:
    """Where few values lie, or each doubling where there are many or two would run into each other."""
    own = sorted(set(values))
    if len(own) <= FEW and all(after >= CLOSE * before for before, after in pairwise(own)):
        return [round(value) for value in own]
    powers = [2**power for power in range(max(floor(log2(min(values))), 0), ceil(log2(max(values))) + 1)]
    return powers[:: ceil(len(powers) / 8)]


def byte_ticks(most: float) -> Part:
    """0 and two to five round numbers of bytes more, as far as `most`."""
    power = 10.0 ** floor(log10(most))
    step = next(size * power for size in (0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 2.5) if most / (size * power) <= 5)
    ticks = [step * count for count in range(int(most / step) + 1)]
    return {"tickvals": ticks, "ticktext": [told_bytes(tick) if tick else "0" for tick in ticks]}
