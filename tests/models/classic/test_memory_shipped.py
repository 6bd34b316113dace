"""The network that ships: it answers what it was trained to answer."""

import pytest

import models
from models.classic.memory_reading import read_memories, without_each_sentence
from models.classic.memory_training import measure_memory
from models.loading.catalog import WEIGHTS
from models.loading.loader import load

STORY = "John went to the hallway. Mary got the milk. Mary moved to the office. John moved to the garden. Where is the milk?"


@pytest.mark.slow
def test_it_errs_as_seldom_as_is_said_of_it():
    model = load(WEIGHTS / "classic-memory", device="cpu")
    assert model.tokenizer is not None
    error = measure_memory(model.module, model.tokenizer)  # pyright: ignore[reportArgumentType]
    assert error[1] < 3
    assert error[2] < 15
    assert error[3] < 40
    assert error[15] < 2


def test_it_finds_what_the_answer_follows_from():
    model = load(WEIGHTS / "classic-memory", device="cpu")
    run = models.capture(model, STORY)
    assert run.top_next(1)[0].token == read_memories(model, STORY).answer == "office"
    assert set(run.pattern(0, 0).argmax(-1).tolist()) <= {1, 2}
    without = without_each_sentence(model, STORY)
    assert without.probabilities[2] < 0.5 * without.probability
