"""Whether anything got faster, in plain words; from the repeats' own numbers, and what others found beside it."""

from __future__ import annotations

from collections.abc import Sequence

from models.measuring.speedup import Speedup
from viz.figures.removal_speed import SpeedRow

PUBLISHED = (
    "*Published*, for orientation: with 50% of BERT’s heads removed, inference became 1.9%, 2.7%, 17.5% and 17.5% faster "
    "at batch 1, 4, 16 and 64 (Michel et al. 2019, arXiv 1905.10650, Table 4)."
)


def verdict(rows: Sequence[SpeedRow]) -> tuple[str, str]:
    """A headline and what else is to be said.

    Faster or slower is what was so in every repeat; all else is within what repeats differ by anyway.
    """
    faster = [row for row in rows if row.removed.faster]
    slower = [row for row in rows if row.removed.slower]
    same = [row for row in rows if row not in (*faster, *slower)]
    headline = "Nothing got faster."
    if faster:
        headline = f"Faster than with all heads, in every repeat: {_listed(faster)}."
    sentences = []
    if slower:
        sentences.append(f"Slower in every repeat: {_listed(slower)}.")
    if same:
        sentences.append(f"No difference beyond that between repeats: {_listed(same)}.")
    return headline, " ".join(sentences)


def _listed(rows: Sequence[SpeedRow]) -> str:
    return "; ".join(f"{row.name}, {_times(row.removed)}" for row in rows)


def _times(found: Speedup) -> str:
    return f"{found.median:.3g} × ({min(found.each):.3g} to {max(found.each):.3g})"
