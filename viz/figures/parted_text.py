"""Two continuations of one text: where they part, and one of them with that place marked."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from viz import theme
from viz.figures.token_text import visible_lines

TAIL = 120  # characters of the text that are shown before what was written


def first_difference(first: Sequence[str], second: Sequence[str]) -> int | None:
    """The number of the first token that the two do not share, None where there is none."""
    for place in range(max(len(first), len(second))):
        if first[place : place + 1] != second[place : place + 1]:
            return place
    return None


def parted_text(text: str, pieces: Sequence[str], parting: int | None, dark: bool) -> str:
    """HTML: the end of the text pale, then the tokens; the first that differs is framed."""
    muted = theme.muted(dark)
    accent = theme.accent(dark)
    start = "…" * (len(text) > TAIL) + text[-TAIL:]
    cut = len(pieces) if parting is None else parting
    shared, marked, rest = pieces[:cut], pieces[cut : cut + 1], pieces[cut + 1 :]
    parts = [f'<span style="color:{muted}">{_shown(start)}</span>', _shown("".join(shared))]
    parts += [f'<mark style="color:inherit;background:none;border:2px solid {accent};border-radius:3px">'
              f"{_shown(piece)}</mark>" for piece in marked]  # fmt: skip
    parts.append(_shown("".join(rest)))
    return f'<div style="white-space:pre-wrap;line-height:1.55;overflow-wrap:anywhere">{"".join(parts)}</div>'


def _shown(text: str) -> str:
    return escape(visible_lines(text))
