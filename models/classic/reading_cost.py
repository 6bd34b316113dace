"""What a step of reading costs: a weighted sum over all annotations, as soft attention, or one of them, as hard attention.

Source: Xu et al. 2015 (arXiv 1502.03044), section 4. Where to look is scored at every place either way; that is timed, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.classic.recurrent import RecurrentConfig
from models.classic.soft import AdditiveScore
from models.progress import Progress, no_progress

LENGTHS = (16, 64, 256, 1_024, 4_096)
CALLS = 20  # of a reading in one timing, since a single one is too short for the clock


@dataclass(frozen=True, slots=True)
class ReadingTime:
    """Medians of one step's parts for a source of `places` characters, in seconds, measured in turn.

    all_s: weighted sum over all annotations; one_s: one annotation; scores_s: the scores that say where to look. ratio: median
    of all_s / one_s, turn by turn.
    """

    places: int
    all_s: float
    one_s: float
    scores_s: float
    ratio: float


def read_all(
    weights: Float[Tensor, "batch source"], annotations: Float[Tensor, "batch source hidden"]
) -> Float[Tensor, "batch hidden"]:
    """sum_j alpha_j h_j."""
    return torch.einsum("bs,bsd->bd", weights, annotations)


def read_one(
    place: Int[Tensor, " batch"], annotations: Float[Tensor, "batch source hidden"]
) -> Float[Tensor, "batch hidden"]:
    """h_place: what a weighted sum gives where all of the weight is at one place, bit by bit."""
    return annotations[torch.arange(len(place), device=place.device), place]


def numbers_read(hidden_size: int, places: int) -> int:
    """By formula: numbers of annotations that a step reads which looks at so many places."""
    return hidden_size * places


@torch.no_grad()
def reading_times(
    hidden_size: int, lengths: Sequence[int] = LENGTHS, repeats: int = 15, *, progress: Progress = no_progress
) -> tuple[ReadingTime, ...]:
    """Each length's three parts on random annotations of one text, on the CPU, in turn after one run that warms up."""
    found: list[ReadingTime] = []
    for number, places in enumerate(lengths):
        progress(f"Reading {places:,} places", number / len(lengths))
        found.append(_timed(hidden_size, places, repeats))
    progress("Measured", 1.0)
    return tuple(found)


def _timed(hidden_size: int, places: int, repeats: int) -> ReadingTime:
    chance = torch.Generator().manual_seed(places)
    annotations = torch.randn(1, places, hidden_size, generator=chance, dtype=torch.float32)
    state = torch.randn(1, hidden_size, generator=chance, dtype=torch.float32)
    scorer: Any = AdditiveScore(RecurrentConfig(hidden_size=hidden_size))
    keys = scorer.key(annotations)
    weights = torch.softmax(scorer(state, keys), dim=-1)
    place = weights.argmax(-1)
    parts: tuple[tuple[Callable[[], Tensor], int], ...] = (
        (lambda: read_all(weights, annotations), CALLS),
        (lambda: read_one(place, annotations), CALLS),
        (lambda: scorer(state, keys), 1),
    )
    turns = [[_seconds(*part) for part in parts] for _ in range(repeats + 1)][1:]
    all_s, one_s, scores_s = zip(*turns, strict=True)
    ratio = median(every / one for every, one in zip(all_s, one_s, strict=True))
    return ReadingTime(places, median(all_s), median(one_s), median(scores_s), ratio)


def _seconds(work: Callable[[], Tensor], calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        work()
    return (time.perf_counter() - began) / calls
