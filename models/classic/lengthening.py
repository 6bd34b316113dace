"""One date with more and more other words around it, and how often a model still reads it right."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedModel

from models.classic.answering import DateAnswer, written_dates
from models.classic.date_figures import LengthBand
from models.classic.dates import BEFORE, BEHIND, LONGEST


@dataclass(frozen=True, slots=True)
class ReadByLength:
    """bands: draws of about one length each, the text alone first. first_wrong: the shortest that was read wrong."""

    bands: tuple[LengthBand, ...]
    first_wrong: DateAnswer | None


def surrounded(text: str, length: int, chance: random.Random) -> str:
    """A text with phrases of BEFORE in front and of BEHIND behind it, as many as fit into `length` characters."""
    phrases = [(phrase, True) for phrase in BEFORE] + [(phrase, False) for phrase in BEHIND]
    while fitting := [one for one in phrases if len(text) + 1 + len(one[0]) <= length]:
        phrase, in_front = chance.choice(fitting)
        text = f"{phrase} {text}" if in_front else f"{text} {phrase}"
    return text


def lengthened(
    text: str, *, steps: int = 6, draws: int = 30, seed: int = 0, longest: int = LONGEST
) -> tuple[tuple[str, ...], ...]:
    """The text alone, then for each of `steps` lengths up to `longest` characters that many draws of words around it.

    The lengths are evenly apart; the draws are the same for the same seed. A text without room for words stays alone.
    """
    chance = random.Random(seed)
    room = longest - len(text)
    lengths = sorted({len(text) + round(room * step / steps) for step in range(1, steps + 1)} - {len(text)})
    return (
        (text,),
        *(tuple(surrounded(text, length, chance) for _ in range(draws)) for length in lengths if room > 0),
    )


def read_by_length(module: PreTrainedModel, texts: Sequence[Sequence[str]], iso: str) -> ReadByLength:
    """How many texts of each group a model reads as the date `iso`; module: see models.classic.answering.reporting."""
    answers = iter(written_dates(module, [text for group in texts for text in group]))
    bands: list[LengthBand] = []
    wrong: list[DateAnswer] = []
    for group in texts:
        found = [next(answers) for _ in group]
        missed = [answer for answer in found if answer.written != iso]
        lengths = [len(text) for text in group]
        bands.append(LengthBand(min(lengths), max(lengths), len(group), len(group) - len(missed)))
        wrong += missed
    return ReadByLength(tuple(bands), min(wrong, key=lambda answer: len(answer.text), default=None))
