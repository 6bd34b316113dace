"""How many times as fast one thing is as another that was timed in turn with it, and whether that is more than noise."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Speedup:
    """Times as fast, of each pair of repeats: 2 where it takes half as long."""

    each: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.each)

    @property
    def faster(self) -> bool:
        """In every repeat: among five of equal speed that comes about by chance once in 32 times."""
        return min(self.each) > 1

    @property
    def slower(self) -> bool:
        """The same the other way round."""
        return max(self.each) < 1


def speedup(of: Sequence[float], over: Sequence[float]) -> Speedup:
    """How many times as fast `of` is as `over`: times of as many repeats, which were taken in turn.

    The ratio is taken within each repeat, so that what disturbs the machine for a while disturbs both alike.
    """
    return Speedup(tuple(slow / quick for quick, slow in zip(of, over, strict=True)))
