"""Training sequences in an order that depends on the seed alone: any of them can be made without the ones before.

What nothing can foresee is not asked for: random tokens the first time they stand, and the token at which a copy begins or
ends, are left out of the loss (label UNFORESEEN). Asked for, they cost a model a tenth of a nat a token on real text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from models.shape.family import CONTEXT
from models.training.recipe import Recipe, Stage

SHORTEST_SPAN = 8
SHORTEST_BLOCK = 4
SHORTEST_LOOP = 8
UNFORESEEN = -100  # transformers' label for a token that does not count in the loss


class Rows(NamedTuple):
    """Sequences and what is asked of a model at each of their tokens, both int64 [sequence, pos].

    labels: the token itself (transformers shifts them by one), or UNFORESEEN.
    """

    ids: Tensor
    labels: Tensor


class Sequences(Dataset[Rows]):
    """Rows of one context: one sequence of 512 tokens, or several shorter ones in early stages.

    An epoch cuts the corpus into rows at a new offset and shuffles them. A share of the sequences repeats a span of
    itself: a later part is overwritten with a copy of an earlier one.
    """

    def __init__(self, tokens: NDArray[np.uint16], recipe: Recipe) -> None:
        self.tokens, self.recipe, self.vocabulary = tokens, recipe, int(tokens.max()) + 1
        self.per_epoch = max(len(tokens) // CONTEXT - 1, 1)
        self._order: tuple[int, NDArray[np.int64], int] | None = None

    def __len__(self) -> int:
        return self.recipe.steps * self.recipe.tokens_per_step // CONTEXT

    def __getitem__(self, index: int) -> Rows:
        stage = self.recipe.stage_at(index * CONTEXT // self.recipe.tokens_per_step)
        rng = np.random.default_rng((self.recipe.seed, 1, index))
        rows = self.row(index).astype(np.int64).reshape(-1, stage.context)
        unforeseen = np.zeros(rows.shape, dtype=bool)
        for row, blind in zip(rows, unforeseen, strict=True):
            if rng.random() < stage.repeated:
                blind[self._repeat(row, stage, rng)] = True
        labels = np.where(unforeseen, UNFORESEEN, rows)
        return Rows(torch.from_numpy(rows), torch.from_numpy(labels))

    def _repeat(self, row: NDArray[np.int64], stage: Stage, rng: np.random.Generator) -> list[int]:
        draw = rng.random()
        if draw < stage.random:
            return repeat_random_tokens(row, self.vocabulary, rng)
        if draw < stage.random + stage.looped:
            return repeat_the_beginning(row, rng)
        return repeat_a_span(row, rng)

    def row(self, index: int) -> NDArray[np.uint16]:
        """The piece of the corpus that sequence `index` is made of, uint16 [512], before anything is repeated."""
        epoch, place = divmod(index, self.per_epoch)
        if self._order is None or self._order[0] != epoch:
            rng = np.random.default_rng((self.recipe.seed, 0, epoch))
            spare = len(self.tokens) - self.per_epoch * CONTEXT
            self._order = (epoch, rng.permutation(self.per_epoch), int(rng.integers(spare + 1)))
        _, order, offset = self._order
        start = int(order[place]) * CONTEXT + offset
        return self.tokens[start : start + CONTEXT].copy()


# Each of these overwrites a sequence, int64 [pos], in place, and returns the places of the tokens that nothing foresees.


def repeat_a_span(row: NDArray[np.int64], rng: np.random.Generator) -> list[int]:
    """Overwrite a later part of the sequence with a copy of an earlier one.

    Unforeseen are the copy's first token and the first one behind it, where the text goes on that was broken off.
    """
    length = int(rng.integers(SHORTEST_SPAN, len(row) // 2 + 1))
    source = int(rng.integers(0, len(row) - 2 * length + 1))
    target = int(rng.integers(source + length, len(row) - length + 1))
    row[target : target + length] = row[source : source + length]
    return [place for place in (target, target + length) if place < len(row)]


def repeat_random_tokens(row: NDArray[np.int64], vocabulary: int, rng: np.random.Generator) -> list[int]:
    """Fill the sequence with a block of random tokens over and over.

    Its length, and so how far to look back, is spread over octaves: with short blocks alone a model learns a distance.
    Unforeseen are the block, the first time, and that it begins again.
    """
    length = round(SHORTEST_BLOCK * (len(row) / 2 / SHORTEST_BLOCK) ** rng.random())
    row[:] = np.resize(rng.integers(1, vocabulary, length), len(row))
    return list(range(length + 1))


def repeat_the_beginning(row: NDArray[np.int64], rng: np.random.Generator) -> list[int]:
    """Overwrite the sequence with its first tokens over and over; lengths spread over octaves.

    Unforeseen is that they begin again; from the second time on it can be known.
    """
    length = round(SHORTEST_LOOP * (len(row) / 2 / SHORTEST_LOOP) ** rng.random())
    row[:] = np.resize(row[:length], len(row))
    return [length]


def collate(rows: Sequence[Rows]) -> dict[str, Tensor]:
    """A batch of sequences and their labels, int64 [sequence, pos]."""
    ids, labels = zip(*rows, strict=True)
    return {"input_ids": torch.cat(ids), "labels": torch.cat(labels)}
