"""How well a model reads the common test set of dates, and how often it looks where the answer stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float32
from torch import Tensor
from transformers import PreTrainedModel

from models.classic.answering import DateAnswer, written_dates
from models.classic.dates import LONGEST, DateExample, unseen_examples

BANDS = ((1, 10), (11, 15), (16, 20), (21, 30), (31, 45), (46, LONGEST))  # characters of a text


@dataclass(frozen=True, slots=True)
class LengthBand:
    """Texts of `shortest` to `longest` characters: how many of `texts` were read right."""

    shortest: int
    longest: int
    texts: int
    right: int


@dataclass(frozen=True, slots=True)
class DateFigures:
    """exact_match: share of texts whose whole answer is right. by_length: the same texts by their length.

    alignment: [layer, head], how often the most attended character of the text is one that the written character came from,
    of `aligned` written characters that came from any.
    """

    texts: int
    exact_match: float
    by_length: tuple[LengthBand, ...]
    alignment: Float32[Tensor, "layer head"]
    aligned: int


def date_figures(
    module: PreTrainedModel, examples: Sequence[DateExample] | None = None, **how: Any
) -> DateFigures:
    """Measured on the common test set, or on other examples. how: as in `written_dates`."""
    given = unseen_examples() if examples is None else examples
    found = written_dates(module, [example.text for example in given], **how)
    pairs = list(zip(given, found, strict=True))
    right = [example.iso == answer.written for example, answer in pairs]
    alignment, aligned = _alignment(pairs)
    return DateFigures(len(pairs), sum(right) / len(pairs), _bands(given, right), alignment, aligned)


def _bands(examples: Sequence[DateExample], right: Sequence[bool]) -> tuple[LengthBand, ...]:
    bands: list[LengthBand] = []
    for shortest, longest in BANDS:
        inside = [
            was
            for example, was in zip(examples, right, strict=True)
            if shortest <= len(example.text) <= longest
        ]
        bands.append(LengthBand(shortest, longest, len(inside), sum(inside)))
    return tuple(bands)


def _alignment(pairs: Sequence[tuple[DateExample, DateAnswer]]) -> tuple[Tensor, int]:
    hits, counted = torch.zeros(pairs[0][1].patterns.shape[:2], dtype=torch.float32), 0
    for example, answer in pairs:
        looked = answer.patterns.argmax(-1)  # [layer, head, target]
        for place, origin in enumerate(example.origins[: looked.shape[-1]]):
            if origin is not None:
                hits += (origin[0] <= looked[..., place]) & (looked[..., place] < origin[1])
                counted += 1
    return hits / max(counted, 1), counted
