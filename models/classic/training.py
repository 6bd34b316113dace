"""How the models that read dates are trained: one recipe for all, that each may alter, and one way to look how far they are."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from models.classic.characters import ALPHABET, END_ID, PAD_ID, START_ID
from models.classic.dates import DateExample, training_examples
from models.progress import Progress, no_progress

IGNORED = -100
_SORTED_AT_ONCE = 32  # batches; texts of like length lie together, or most of each batch would be padding
FIRST_CHARACTER = 4  # behind the special tokens
_NUMBERS = {sign: number for number, sign in enumerate(ALPHABET, start=FIRST_CHARACTER)}


@dataclass(frozen=True, slots=True)
class Recipe:
    """steps of `batch` dates each; the learning rate rises over warm_up steps and falls to 0 along half a cosine."""

    steps: int
    batch: int = 128
    learning_rate: float = 2e-3
    warm_up: int = 100
    clip: float = 1.0
    seed: int = 0

    def with_seed(self, seed: int) -> Recipe:
        """The same with another seed."""
        return replace(self, seed=seed)

    def rate_at(self, step: int) -> float:
        """Learning rate of a step, as a share of `learning_rate`."""
        if step < self.warm_up:
            return (step + 1) / self.warm_up
        done = (step - self.warm_up) / max(self.steps - self.warm_up, 1)
        return 0.5 * (1 + float(torch.cos(torch.tensor(done * torch.pi, dtype=torch.float64))))


@dataclass(frozen=True, slots=True)
class DateBatch:
    """input_ids, attention_mask: [batch, source]; decoder_input_ids, labels: [batch, target], IGNORED behind the end."""

    input_ids: Tensor
    attention_mask: Tensor
    decoder_input_ids: Tensor
    labels: Tensor

    @property
    def inputs(self) -> dict[str, Tensor]:
        """What a model's forward takes."""
        return {
            "input_ids": self.input_ids,
            "attention_mask": self.attention_mask,
            "decoder_input_ids": self.decoder_input_ids,
        }


def as_batch(examples: Sequence[DateExample]) -> DateBatch:
    """The same ids as `character_tokenizer` gives, without its detour."""
    sources = [[*(_NUMBERS[sign] for sign in example.text), END_ID] for example in examples]
    targets = [[_NUMBERS[sign] for sign in example.iso] for example in examples]
    longest = max(map(len, sources))
    ids = torch.tensor([row + [PAD_ID] * (longest - len(row)) for row in sources])
    return DateBatch(
        ids,
        (ids != PAD_ID).long(),
        torch.tensor([[START_ID, *row] for row in targets]),
        torch.tensor([[*row, END_ID] for row in targets]),
    )


def batches(recipe: Recipe) -> Iterator[DateBatch]:
    """Without end."""
    examples = training_examples(recipe.seed)
    order = torch.Generator().manual_seed(recipe.seed)
    while True:
        drawn = list(itertools.islice(examples, _SORTED_AT_ONCE * recipe.batch))
        drawn.sort(key=lambda example: len(example.text))
        for number in torch.randperm(_SORTED_AT_ONCE, generator=order).tolist():
            yield as_batch(drawn[number * recipe.batch : (number + 1) * recipe.batch])


def cross_entropy(model: PreTrainedModel, batch: DateBatch, **how: Any) -> Tensor:
    """Nats per character of the answer, its end mark among them. how: what the model's forward is told besides."""
    logits = model(**batch.inputs, **how).logits
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), batch.labels.flatten(), ignore_index=IGNORED
    )


Loss = Callable[[Any, DateBatch], Tensor]
Heard = Callable[[int, float], None]


def train(
    model: PreTrainedModel,
    recipe: Recipe,
    loss: Loss = cross_entropy,
    more: Sequence[Tensor] = (),
    *,
    heard: Heard = lambda step, loss: None,
    progress: Progress = no_progress,
) -> None:
    """Train in place. more: further weights that the loss has; heard: is told of each step and its loss."""
    weights = [*model.parameters(), *more]
    optimizer = torch.optim.Adam(weights, lr=recipe.learning_rate)
    model.train()
    for step, batch in enumerate(itertools.islice(batches(recipe), recipe.steps)):
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * recipe.rate_at(step)
        found = loss(model, batch)
        optimizer.zero_grad()
        found.backward()
        torch.nn.utils.clip_grad_norm_(weights, recipe.clip)
        optimizer.step()
        heard(step, found.item())
        progress(f"Step {step + 1:,} of {recipe.steps:,}", (step + 1) / recipe.steps)
    model.eval()
