"""The ways of making many runs that differ by one head in fewer passes than runs, and which of them a model allows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Passes = Literal["resumed", "whole", "single"]


@dataclass(frozen=True, slots=True)
class Way:
    """A way of making the runs of a layer's heads in one pass.

    resumed: begun in that layer. opens: one row until the layer's output projection, and a row for each run behind it.
    trims: no more is worked out than what is read: the last position alone, or what enters the language head.
    """

    resumed: bool
    opens: bool
    trims: bool


# The quickest first. What is left when none of them holds is a whole pass for every run.
WAYS = (
    Way(True, True, True),
    Way(False, True, True),
    Way(True, False, True),
    Way(True, True, False),
    Way(False, True, False),
    Way(True, False, False),
    Way(False, False, False),
)


@dataclass
class Ways:
    """What the texts of one sweep learn of one another.

    of_layer: which of WAYS the runs of a layer take, by its number; len(WAYS) where none of them holds. proven: those that
    gave for one head what a pass of its own gives.
    """

    of_layer: dict[int, int] = field(default_factory=dict)
    proven: set[int] = field(default_factory=set)

    @property
    def passes(self) -> Passes:
        """How the slowest of the runs were made."""
        taken = self.of_layer.values()
        if len(WAYS) in taken:
            return "single"
        return "resumed" if all(WAYS[number].resumed for number in taken) else "whole"
