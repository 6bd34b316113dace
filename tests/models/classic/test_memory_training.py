"""Training of the memory network: what it is shown, what it is chosen by, and that it learns."""

from typing import Any

import pytest
import torch

from models.classic import memory_training, stories
from models.classic.memory import MemoryNetwork, Stories
from models.classic.memory_training import (
    MemoryRecipe,
    answered_rightly,
    asked_of,
    measure_memory,
    memory_config,
    train_memory,
    with_gaps,
)
from models.classic.stories import training_examples
from models.classic.story_text import story_tokenizer

SMALL = MemoryRecipe(hidden_size=8, epochs=4, batch=20, linear_epochs=2, restarts=2)


@pytest.fixture
def few_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stories, "QUESTIONS_EACH", 20)


def some_stories(lengths: list[int]) -> Stories:
    longest = max(lengths)
    memories = torch.tensor([[1] * one + [0] * (longest - one) for one in lengths], dtype=torch.long)
    times = [[*range(one - 1, -1, -1), *[0] * (longest - one)] for one in lengths]
    empty = torch.zeros(2, 1, dtype=torch.long)
    return Stories(empty, memories, torch.tensor(times, dtype=torch.long), empty)


def test_without_noise_times_are_as_they_are():
    given = some_stories([3, 8])
    assert torch.equal(with_gaps(given, 0.0).times, given.times)


def test_an_empty_memory_behind_each_doubles_the_time():
    assert with_gaps(some_stories([4, 2]), 1.0).times[0].tolist() == [7, 5, 3, 1]
    assert with_gaps(some_stories([4, 2]), 1.0).times[1].tolist()[:2] == [3, 1]


def test_gaps_keep_the_order_and_are_as_many_as_the_share():
    torch.manual_seed(0)
    given = some_stories([20] * 400)
    times = with_gaps(given, 0.25).times
    assert bool((times[:, :-1] > times[:, 1:]).all())
    added = (times - given.times)[:, 0].float()  # of the oldest: all gaps of its story
    assert added.mean().item() == pytest.approx(20 * 0.25, rel=0.1)
    assert added.std() > 1


def test_times_stay_within_the_memory():
    assert with_gaps(some_stories([50]), 1.0).times.max() == 49


@pytest.mark.usefixtures("few_questions")
def test_questions_are_taken_with_no_more_memories_than_they_need():
    tokenizer = story_tokenizer()
    module = MemoryNetwork(memory_config(tokenizer, SMALL))
    examples = [*training_examples(3, 0), *training_examples(1, 0)]
    asked = asked_of(module, tokenizer, examples)
    short = asked.some(torch.arange(20, 40, dtype=torch.long))
    assert short.stories.memories.shape[1] == 10 < asked.stories.memories.shape[1]
    read = module.answer(module.read(asked.stories))[20:]
    torch.testing.assert_close(module.answer(module.read(short.stories)), read)
    words = tokenizer.convert_ids_to_tokens(short.answers.tolist())
    assert words == [example.answer for example in examples[20:]]


def test_the_last_questions_of_each_task_are_held_out():
    held_out = memory_training._held_out(80, MemoryRecipe(held_out=0.1))  # pyright: ignore[reportPrivateUsage]
    assert held_out.nonzero()[:, 0].tolist() == [18, 19, 38, 39, 58, 59, 78, 79]


@pytest.mark.usefixtures("few_questions")
def test_the_restart_that_errs_least_on_what_was_held_out_is_kept():
    told: list[float] = []
    trained = train_memory(0, lambda _, fraction: told.append(fraction), SMALL)
    errors = [one.held_out_error for one in trained.restarts]
    assert len(errors) == 2
    assert errors[trained.chosen] == min(errors)
    assert told == sorted(told)
    assert trained.test_error == measure_memory(trained.module, trained.tokenizer)
    assert not trained.module.training


@pytest.mark.usefixtures("few_questions")
def test_the_same_seed_trains_the_same():
    one, other = train_memory(1, recipe=SMALL), train_memory(1, recipe=SMALL)
    assert one.restarts == other.restarts
    for mine, theirs in zip(one.module.parameters(), other.module.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.usefixtures("few_questions")
def test_it_learns_what_it_is_trained_on():
    """Five places, three animals or so: by chance four of five answers would be wrong."""
    recipe = MemoryRecipe(epochs=30, batch=8, linear_epochs=8, noise=0.0, restarts=1, weight_decay=0.0)
    assert train_memory(0, recipe=recipe).restarts[0].training_error < 55


@pytest.mark.usefixtures("few_questions")
def test_error_is_the_share_of_wrong_answers_in_percent():
    tokenizer = story_tokenizer()
    module: Any = MemoryNetwork(memory_config(tokenizer, SMALL))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    asked = asked_of(module, tokenizer, training_examples(15, 0))
    always = int(asked.answers[0])
    with torch.no_grad():  # every state is (1, 0, ...), and one word alone has a place there
        module.words[0].weight[:, 0] = 1.0
        module.words[-1].weight[always, 0] = 1.0
    right = answered_rightly(module, asked)
    assert torch.equal(right, asked.answers == always)
