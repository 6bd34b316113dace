"""How the memory network is trained: one network for all four tasks, as the joint ones of the paper (sections 4.2 and 4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from models.classic.memory import MemoryConfig, MemoryNetwork, Stories
from models.classic.stories import TASKS, StoryExample, training_examples, unseen_examples
from models.classic.story_text import FULL_STOP, MEMORY_SIZE, QUESTION_MARK, SENTENCE_SIZE, story_tokenizer
from models.progress import Progress, no_progress, part

AT_ONCE = 500  # questions answered in one pass where no gradient is wanted


@dataclass(frozen=True, slots=True)
class MemoryRecipe:
    """How a network is trained.

    linear_epochs: how long its weights are the scores themselves, before the softmax is put in (LS); linear_rate: the learning
    rate until then. rate: the one after it; both fall linearly to 0 over all epochs. noise: how often a sentence has an empty
    memory behind it, so that no story's times are learned by heart (RN; the paper has 0.1, and on our stories 0.3 errs less).
    held_out: share of each task's questions that no step is taken on, by which the best of the restarts is chosen. clip: the
    most that gradients measure together. AdamW with its weight_decay stands for the paper's stochastic
    gradient descent.
    """

    hidden_size: int = 50
    hops: int = 3
    epochs: int = 100
    batch: int = 100
    linear_epochs: int = 20
    linear_rate: float = 0.005
    rate: float = 0.01
    noise: float = 0.3
    held_out: float = 0.1
    clip: float = 40.0
    weight_decay: float = 0.1
    restarts: int = 2


@dataclass(frozen=True, slots=True)
class MemoryRestart:
    """One of the trainings, from its own random start: errors in percent of the questions trained on and of those held out."""

    training_error: float
    held_out_error: float


@dataclass(frozen=True, slots=True)
class TrainedMemory:
    """The best of the restarts by its questions held out.

    test_error: percent of the 1,000 unseen questions of each task that it answers wrongly.
    """

    module: MemoryNetwork
    tokenizer: PreTrainedTokenizerFast
    test_error: dict[int, float]
    restarts: tuple[MemoryRestart, ...]
    chosen: int


@dataclass(frozen=True, slots=True)
class Asked:
    """Stories with the right answers, token ids [batch]."""

    stories: Stories
    answers: Int[Tensor, " batch"]

    def some(self, chosen: Int[Tensor, " chosen"]) -> Asked:
        """Those of the batch, with no more memories than the longest of them has."""
        kept = self.stories.memories[chosen]
        longest = int((kept != 0).sum(1).max())
        stories = Stories(
            self.stories.sentences,
            kept[:, :longest],
            self.stories.times[chosen][:, :longest],
            self.stories.questions[chosen],
        )
        return Asked(stories, self.answers[chosen])


def train_memory(
    seed: int = 0, progress: Progress = no_progress, recipe: MemoryRecipe | None = None
) -> TrainedMemory:
    """Train a network on 1,000 questions of each task, and measure it on 1,000 others of each."""
    recipe = recipe or MemoryRecipe()
    tokenizer = story_tokenizer()
    trained: list[MemoryNetwork] = []
    restarts: list[MemoryRestart] = []
    for number in range(recipe.restarts):
        torch.manual_seed(100 * seed + number)
        module = MemoryNetwork(memory_config(tokenizer, recipe))
        asked = asked_of(module, tokenizer, [one for task in TASKS for one in training_examples(task, seed)])
        held_out = _held_out(len(asked.answers), recipe)
        inner = part(progress, number / recipe.restarts, (number + 1) / recipe.restarts)
        _train(module, asked.some((~held_out).nonzero()[:, 0]), recipe, inner)
        wrong = ~answered_rightly(module, asked)
        trained.append(module)
        restarts.append(MemoryRestart(_percent(wrong[~held_out]), _percent(wrong[held_out])))
    chosen = min(range(len(restarts)), key=lambda number: restarts[number].held_out_error)
    best = trained[chosen].eval()
    return TrainedMemory(best, tokenizer, measure_memory(best, tokenizer), tuple(restarts), chosen)


def measure_memory(module: MemoryNetwork, tokenizer: PreTrainedTokenizerBase) -> dict[int, float]:
    """Error on each task's test set, in percent."""
    return {
        task: _percent(~answered_rightly(module, asked_of(module, tokenizer, unseen_examples(task))))
        for task in TASKS
    }


def memory_config(tokenizer: PreTrainedTokenizerBase, recipe: MemoryRecipe) -> MemoryConfig:
    """The config of a network for this tokenizer."""
    vocabulary = tokenizer.get_vocab()
    return MemoryConfig(
        vocab_size=len(vocabulary),
        hidden_size=recipe.hidden_size,
        hops=recipe.hops,
        memory_size=MEMORY_SIZE,
        sentence_size=SENTENCE_SIZE,
        full_stop_id=vocabulary[FULL_STOP],
        question_mark_id=vocabulary[QUESTION_MARK],
    )


def asked_of(
    module: MemoryNetwork, tokenizer: PreTrainedTokenizerBase, examples: Sequence[StoryExample]
) -> Asked:
    """Examples as the network takes them."""
    rows = tokenizer([example.text for example in examples])["input_ids"]
    answers = tokenizer.convert_tokens_to_ids([example.answer for example in examples])
    return Asked(module.stories(rows), torch.tensor(answers, dtype=torch.long))


@torch.no_grad()
def answered_rightly(module: MemoryNetwork, asked: Asked) -> Bool[Tensor, " batch"]:
    """Whether each question's likeliest word is the right one."""
    right: list[Tensor] = []
    for chosen in torch.arange(len(asked.answers), dtype=torch.long).split(AT_ONCE):
        some = asked.some(chosen)
        right.append(module.answer(module.read(some.stories)).argmax(-1) == some.answers)
    return torch.cat(right)


def with_gaps(stories: Stories, share: float) -> Stories:
    """The same with empty memories here and there, which cost the older sentences time: as many as `share` of the sentences."""
    there = stories.memories != 0
    gaps = (torch.rand(there.shape, dtype=torch.float32) < share) & there
    later = gaps.flip(1).cumsum(1).flip(1)
    return stories._replace(times=(stories.times + later).clamp(max=MEMORY_SIZE - 1))


def _train(module: MemoryNetwork, asked: Asked, recipe: MemoryRecipe, progress: Progress) -> None:
    optimizer = torch.optim.AdamW(
        module.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay, fused=True
    )
    steps, step = recipe.epochs * -(-len(asked.answers) // recipe.batch), 0
    module.train()
    for epoch in range(recipe.epochs):
        progress(f"Epoch {epoch + 1} of {recipe.epochs}", epoch / recipe.epochs)
        linear = epoch < recipe.linear_epochs
        for chosen in torch.randperm(len(asked.answers), dtype=torch.long).split(recipe.batch):
            for group in optimizer.param_groups:
                group["lr"] = (recipe.linear_rate if linear else recipe.rate) * (1 - step / steps)
            loss = _loss(module, asked.some(chosen), recipe, linear)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(module.parameters(), recipe.clip)
            optimizer.step()
            step += 1


def _loss(module: MemoryNetwork, asked: Asked, recipe: MemoryRecipe, linear: bool) -> Float[Tensor, ""]:
    read = module.read(with_gaps(asked.stories, recipe.noise), linear=linear)
    return nn.functional.cross_entropy(module.answer(read), asked.answers)


def _held_out(questions: int, recipe: MemoryRecipe) -> Bool[Tensor, " batch"]:
    """The last questions of each task; they follow one another, so at most one story of a task has some on both sides."""
    each = questions // len(TASKS)
    place = torch.arange(questions, dtype=torch.long) % each
    return place >= each - round(each * recipe.held_out)


def _percent(wrong: Bool[Tensor, " batch"]) -> float:
    return round(100 * wrong.float().mean().item(), 2)
