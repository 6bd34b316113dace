"""Training sequences in an order that depends on the seed alone: any of them can be made without the ones before."""

from __future__ import annotations

from collections.abc import Sequence

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


class Sequences(Dataset[Tensor]):
    """Rows of one context, int64 [sequence, pos]: one sequence of 512 tokens, or several shorter ones in early stages.

    An epoch cuts the corpus into rows at a new offset and shuffles them. A share of the sequences repeats a span of
    itself: a later part is overwritten with a copy of an earlier one.
    """

    def __init__(self, tokens: NDArray[np.uint16], recipe: Recipe) -> None:
        self.tokens, self.recipe, self.vocabulary = tokens, recipe, int(tokens.max()) + 1
        self.per_epoch = max(len(tokens) // CONTEXT - 1, 1)
        self._order: tuple[int, NDArray[np.int64], int] | None = None

    def __len__(self) -> int:
        return self.recipe.steps * self.recipe.tokens_per_step // CONTEXT

    def __getitem__(self, index: int) -> Tensor:
        stage = self.recipe.stage_at(index * CONTEXT)
        rng = np.random.default_rng((self.recipe.seed, 1, index))
        rows = self.row(index).astype(np.int64).reshape(-1, stage.context)
        for row in rows:
            if rng.random() < stage.repeated:
                self._repeat(row, stage, rng)
        return torch.from_numpy(rows)

    def _repeat(self, row: NDArray[np.int64], stage: Stage, rng: np.random.Generator) -> None:
        draw = rng.random()
        if draw < stage.random:
            repeat_random_tokens(row, self.vocabulary, rng)
        elif draw < stage.random + stage.looped:
            repeat_the_beginning(row, rng)
        else:
            repeat_a_span(row, rng)

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


def repeat_a_span(row: NDArray[np.int64], rng: np.random.Generator) -> None:
    """Overwrite a later part of the sequence, int64 [pos], with a copy of an earlier one, in place."""
    length = int(rng.integers(SHORTEST_SPAN, len(row) // 2 + 1))
    source = int(rng.integers(0, len(row) - 2 * length + 1))
    target = int(rng.integers(source + length, len(row) - length + 1))
    row[target : target + length] = row[source : source + length]


def repeat_random_tokens(row: NDArray[np.int64], vocabulary: int, rng: np.random.Generator) -> None:
    """Fill the sequence, int64 [pos], with a block of random tokens over and over, in place.

    Its length, and so how far to look back, is spread over octaves: with short blocks alone a model learns a distance.
    """
    length = round(SHORTEST_BLOCK * (len(row) / 2 / SHORTEST_BLOCK) ** rng.random())
    row[:] = np.resize(rng.integers(1, vocabulary, length), len(row))


def repeat_the_beginning(row: NDArray[np.int64], rng: np.random.Generator) -> None:
    """Overwrite the sequence, int64 [pos], with its first tokens over and over, in place; lengths spread over octaves."""
    length = round(SHORTEST_LOOP * (len(row) / 2 / SHORTEST_LOOP) ** rng.random())
    row[:] = np.resize(row[:length], len(row))


def collate(rows: Sequence[Tensor]) -> dict[str, Tensor]:
    """A batch [sequence, pos] whose labels are its tokens (transformers shifts them by one)."""
    ids = torch.cat(list(rows))
    return {"input_ids": ids, "labels": ids}
