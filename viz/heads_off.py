"""The heads that a visitor has switched off: as a short text for the address, "2.3,4.0-2" for L2 H3 and L4 H0 to H2."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

Head = tuple[int, int]  # (layer, head), both from 0

MOST = 4096  # heads in a layer; a longer range in an address is a mistake
_ITEM = re.compile(r"(\d{1,4})\.(\d{1,4})(?:-(\d{1,4}))?")


def read(text: str) -> tuple[Head, ...]:
    """Sorted, each once; what cannot be read is left out."""
    found: set[Head] = set()
    for item in text.split(","):
        match = _ITEM.fullmatch(item.strip())
        if match is None:
            continue
        layer, first, last = int(match[1]), int(match[2]), int(match[3] or match[2])
        if last < MOST:
            found.update((layer, head) for head in range(first, last + 1))
    return tuple(sorted(found))


def write(heads: Iterable[Head]) -> str:
    """Heads that follow each other in a layer become a range."""
    items = []
    run = groupby(enumerate(sorted(set(heads))), lambda placed: (placed[1][0], placed[1][1] - placed[0]))
    for (layer, _), placed in run:
        numbers = [head for _, (_, head) in placed]
        items.append(f"{layer}.{numbers[0]}" + (f"-{numbers[-1]}" if len(numbers) > 1 else ""))
    return ",".join(items)
