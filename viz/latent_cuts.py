"""What a visitor has switched off of a model's latents: as a short text for the address, in words, and as the engine's cuts.

"2:d5,d7-9;1:r;*:s4" is dimensions 5 and 7 to 9 of layer 2, the rotary key of layer 1, and of every layer the four
strongest directions of its latents.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

import models

Kind = Literal["dimension", "strongest", "weakest", "all but", "rotary", "whole"]
LETTERS: dict[Kind, str] = {
    "dimension": "d",
    "strongest": "s",
    "weakest": "l",  # the least
    "all but": "o",  # only the strongest are left
    "rotary": "r",
    "whole": "w",
}
_KINDS: dict[str, Kind] = {letter: kind for kind, letter in LETTERS.items()}
DIRECTIONS: tuple[Kind, ...] = ("strongest", "weakest", "all but")
EVERY = "*"
MOST = 65_536  # no latent is wider; a longer range in an address is a mistake
_ITEM = re.compile(r"([dslorw])(\d{0,5})(?:-(\d{1,5}))?")


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """One thing that is switched off. layer: -1 for every layer. number: the dimension, or how many directions; else 0."""

    layer: int
    kind: Kind
    number: int = 0

    @property
    def everywhere(self) -> bool:
        return self.layer < 0


Parts = tuple[Part, ...]


def read(text: str) -> Parts:
    """The parts that a text names, each once and in order; what cannot be read is left out."""
    found: set[Part] = set()
    for piece in text.split(";"):
        layer, _, items = piece.strip().partition(":")
        if layer == EVERY or re.fullmatch(r"\d{1,4}", layer):
            number = -1 if layer == EVERY else int(layer)
            found.update(part for item in items.split(",") for part in _read_item(number, item.strip()))
    return tuple(sorted(found))


def _read_item(layer: int, item: str) -> Iterable[Part]:
    match = _ITEM.fullmatch(item)
    if match is None:
        return []
    letter, first, last = match.groups()
    kind = _KINDS[letter]
    if kind in ("rotary", "whole"):
        return [Part(layer, kind)] if not first and last is None else []
    if not first or (last is not None and kind != "dimension"):
        return []
    if kind == "dimension":
        return [Part(layer, kind, dim) for dim in range(int(first), min(int(last or first), MOST) + 1)]
    return [Part(layer, kind, int(first))] if int(first) else []


def write(parts: Iterable[Part]) -> str:
    """The text that `read` reads back; runs of dimensions as ranges."""
    ordered = sorted(set(parts))
    pieces = []
    for layer in dict.fromkeys(part.layer for part in ordered):
        mine = [part for part in ordered if part.layer == layer]
        items = [f"d{run}" for run in _runs([part.number for part in mine if part.kind == "dimension"])]
        items += [LETTERS[part.kind] + str(part.number or "") for part in mine if part.kind != "dimension"]
        pieces.append(f"{EVERY if layer < 0 else layer}:{','.join(items)}")
    return ";".join(pieces)


def groups(parts: Iterable[Part]) -> list[Parts]:
    """What is told and taken back together: the dimensions of one layer, every other part by itself."""
    grouped: dict[object, list[Part]] = {}
    for part in sorted(set(parts)):
        grouped.setdefault((part.layer, part.kind) if part.kind == "dimension" else part, []).append(part)
    return [tuple(group) for group in grouped.values()]


def in_words(group: Sequence[Part]) -> str:
    """One of `groups`, for the page."""
    first = group[0]
    where = "every layer" if first.everywhere else f"L{first.layer}"
    numbers = ", ".join(_runs([part.number for part in group]))
    what = {
        "dimension": f"dimension{'s' * (len(group) > 1)} {numbers}",
        "strongest": f"strongest {_directions(first.number)}",
        "weakest": f"weakest {_directions(first.number)}",
        "all but": f"all but the strongest {_directions(first.number)}",
        "rotary": "rotary key",
        "whole": "whole latent",
    }[first.kind]
    return f"{where} · {what}"


def _directions(number: int) -> str:
    return "direction" if number == 1 else f"{number} directions"


def _runs(numbers: Sequence[int]) -> list[str]:
    """1, 2, 3, 7 as 1-3 and 7."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return [str(first) if first == last else f"{first}-{last}" for first, last in runs]


def engine_cuts(run: models.Capture, parts: Iterable[Part]) -> tuple[models.LatentCut, ...]:
    """The same as the engine takes it. run: the text's run with nothing off, whose latents give the directions."""
    cuts = []
    for group in groups(parts):
        kind, layer = group[0].kind, None if group[0].everywhere else group[0].layer
        if kind == "dimension":
            cuts.append(models.LatentCut(layer, dimensions=[part.number for part in group]))
        elif kind == "rotary":
            cuts.append(models.LatentCut(layer, rotary=True))
        elif kind == "whole":
            cuts.append(models.LatentCut(layer, whole=True))
        else:
            cuts += _direction_cuts(run, group[0])
    return tuple(cuts)


def _direction_cuts(run: models.Capture, part: Part) -> list[models.LatentCut]:
    """Each layer's own directions. None where nothing is left to switch off, as all but more than there are."""
    layers = range(run.layers()) if part.everywhere else [part.layer]
    cuts = []
    for layer in layers:
        if part.everywhere and not run.has_latents(layer):
            continue
        rows = directions(run.kv_latent(layer), part.kind, part.number)
        if len(rows):
            cuts.append(models.LatentCut(layer, directions=rows))
    return cuts


def directions(latent: Tensor, kind: Kind, number: int) -> Tensor:
    """Right singular vectors [n, kv_lora_rank] of latents [pos, kv_lora_rank], as they are and not centred.

    The strongest `number` of them; the weakest of those that the text uses (of no more than its tokens); or all but the
    strongest, with those that it does not use, so that a latent which another cut has moved keeps nothing else either.
    """
    used = min(latent.shape)
    _, _, right = torch.linalg.svd(latent.double(), full_matrices=kind == "all but")
    if kind == "strongest":
        return right[:number].float()
    if kind == "weakest":
        return right[max(used - number, 0) : used].float()
    return right[number:].float()
