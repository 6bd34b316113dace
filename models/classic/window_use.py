"""What the window of local attention takes in of one text, what it loses, and how far it is from where the date stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float32, Int64
from torch import Tensor

from models.classic.local_reading import LocalReading


@dataclass(frozen=True, slots=True)
class WindowUse:
    """places: of the text and its end mark. For each written character, its end mark among them:

    inside: places in the window, at most 2 D + 1. lost: share of the softmax's weight that the Gaussian takes away, for being
    far from the centre. distance: characters from the centre to the nearest that says the written one; None where the text
    says it nowhere.
    """

    places: int
    inside: Int64[Tensor, " target"]
    lost: Float32[Tensor, " target"]
    distance: tuple[float | None, ...]


def window_use(reading: LocalReading, origins: Sequence[tuple[int, int] | None]) -> WindowUse:
    """origins: characters (start, stop) that say each character of the right answer, as DateSaid has them."""
    weights = reading.answer.patterns[0, 0]
    centres: list[float] = reading.centres.tolist()
    spans = [*origins, *[None] * len(centres)][: len(centres)]
    return WindowUse(
        places=weights.shape[1],
        inside=(reading.closeness > 0).sum(-1),
        lost=1 - weights.sum(-1),
        distance=tuple(_distance(centre, span) for centre, span in zip(centres, spans, strict=True)),
    )


def _distance(centre: float, span: tuple[int, int] | None) -> float | None:
    if span is None:
        return None
    first, last = span[0], span[1] - 1
    return max(first - centre, centre - last, 0.0)
