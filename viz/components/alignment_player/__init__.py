"""An alignment growing as an answer is written: which characters of a text each written character looked at, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from viz.components.registration import palette, register
from viz.figures.packing import pack_weights

_mount = register("alignment_player")


@dataclass(frozen=True, slots=True)
class WrittenCharacter:
    """probability: what the model gave it. origin: (start, stop) of the text's characters that say it, None where none do or it is
    not known. right: whether it is what the text says; None where that is not known. centre: of the window that it looked
    through, in characters from 0; None where there is no window.
    """

    character: str
    probability: float
    origin: tuple[int, int] | None = None
    right: bool | None = None
    centre: float | None = None


def alignment_player(
    source: Sequence[str],
    written: Sequence[WrittenCharacter],
    weights: Any,
    *,
    key: str,
    title: str,
    faint: Any = None,
    window: int | None = None,
) -> None:
    """Show the player.

    source: the text's characters, its end mark among them. weights: [written, source], 0 to 1; without columns where the model
    looks at nothing. faint: more weights of that shape, drawn as dots: what the places were drawn from. window: how far to
    either side of a centre was looked.
    """
    pattern = np.asarray(weights)
    if pattern.shape not in ((len(written), len(source)), (len(written), 0)):
        raise ValueError(f"expected weights [{len(written)}, {len(source)}], got {list(pattern.shape)}")
    data = {
        "key": key,
        "palette": palette(),
        "title": title,
        "source": list(source),
        "written": [
            {
                "character": one.character,
                "probability": one.probability,
                "origin": one.origin,
                "right": one.right,
                "centre": one.centre,
            }
            for one in written
        ],
        "weights": pack_weights(pattern) if pattern.size else None,
        "faint": None if faint is None else pack_weights(faint),
        "window": window,
    }
    _mount(key=key, data=data)
