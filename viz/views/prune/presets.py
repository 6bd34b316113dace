"""Heads to switch off at one click: by what they do, by chance, by layer."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

import models
from viz.heads_off import Head

ROLES = ("induction", "previous token", "duplicate token", "first token")


def of_role(run: models.Capture, stack: str, heads: Iterable[Head], role: str) -> tuple[Head, ...]:
    """The heads that are named after this behaviour on the text, by the convention of models.look.scores."""
    scores = run.scores(stack)
    return tuple(head for head in heads if scores.role(*head) == role)


def of_layer(heads: Iterable[Head], layer: int) -> tuple[Head, ...]:
    return tuple(head for head in heads if head[0] == layer)


def at_random(heads: Sequence[Head], count: int, seed: int) -> tuple[Head, ...]:
    """`count` different heads, or all of them where there are fewer; the same for the same seed."""
    return tuple(sorted(random.Random(seed).sample(heads, min(count, len(heads)))))


def least(values: Sequence[Sequence[float]], heads: Iterable[Head], count: int) -> tuple[Head, ...]:
    """The `count` heads with the smallest of `values` [layer, head]; of equal ones the first."""
    ranked = sorted(heads, key=lambda head: (values[head[0]][head[1]], head))
    return tuple(sorted(ranked[:count]))


def in_words(heads: Sequence[Head], most: int = 6) -> str:
    """ "L1 H4", "L1 H4, L2 H0 and L2 H3", "12 heads"."""
    if not heads:
        return "no head"
    if len(heads) > most:
        return f"{len(heads)} heads"
    names = [f"L{layer} H{head}" for layer, head in heads]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
