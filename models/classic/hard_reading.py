"""What hard attention does with one text: the place it takes, the places it would draw, and what it writes for either."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from models.classic.answering import DateAnswer, written_dates
from models.classic.hard import Draw, HardModel
from models.errors import BadSelection
from models.run.model import AttentionModel

MOST_DRAWS = 500


@dataclass(frozen=True, slots=True)
class HardReading:
    """likeliest: what is written where the likeliest place is taken each time; expected: where the mean over all places is
    read, as soft attention does; drawn: one answer for each draw.

    probabilities: [target, source], of each place along the likeliest answer. places: [draw, target], what was drawn at each
    step of an answer, -1 behind its end.
    """

    likeliest: DateAnswer
    expected: DateAnswer
    drawn: tuple[DateAnswer, ...]
    probabilities: Float32[Tensor, "target source"]
    places: Int64[Tensor, "draw target"]

    @property
    def differs(self) -> Float32[Tensor, " target"]:
        """At each step, how often two draws are at different places, of all pairs of draws whose answers last so long."""
        return torch.stack([_differing(step[step >= 0]) for step in self.places.T])

    @property
    def same_answer(self) -> float:
        """Share of the draws whose answer is that of the likeliest places."""
        same = sum(answer.written == self.likeliest.written for answer in self.drawn)
        return same / len(self.drawn)


def _differing(places: Tensor) -> Tensor:
    count = len(places)
    if count < 2:
        return torch.zeros((), dtype=torch.float32)
    alike = torch.bincount(places).float()
    return 1 - (alike * (alike - 1)).sum() / (count * (count - 1))


def read_hard(model: AttentionModel, text: str, *, draws: int = 100, seed: int = 0) -> HardReading:
    """What hard attention does with a text that says a date. Raises BadText, BadSelection."""
    module = model.module
    if not isinstance(module, HardModel):
        raise BadSelection(f"{model.name} draws no places; choose classic-hard.")
    if not 2 <= draws <= MOST_DRAWS:
        raise BadSelection(
            f"From 2 to {MOST_DRAWS} draws are made, but {draws} came; choose a number between."
        )
    module.demand_readable(text)
    seen: list[Draw] = []
    (likeliest,) = written_dates(module, [text], seen=seen)
    (expected,) = written_dates(module, [text], choice="expected")
    generator = torch.Generator().manual_seed(seed)
    drawn = written_dates(module, [text] * draws, choice="drawn", generator=generator)
    steps = max(answer.patterns.shape[2] for answer in drawn)
    places = torch.full((draws, steps), -1, dtype=torch.int64)
    for number, answer in enumerate(drawn):
        pattern = answer.patterns[0, 0]
        places[number, : len(pattern)] = pattern.argmax(-1)
    rows = likeliest.patterns.shape[2]
    probabilities = torch.cat([draw.probabilities for draw in seen[:rows]]).float().cpu()
    return HardReading(likeliest, expected, drawn, probabilities, places)
