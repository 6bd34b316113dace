"""What each sentence adds to a memory network's answer, and what its output memories say by themselves."""

from typing import Any

import pytest
import torch

import models
from models.errors import BadSelection
from viz.samples import STORIES


@pytest.fixture(scope="module", params=STORIES)
def reading(request: pytest.FixtureRequest) -> models.MemoryReading:
    return models.read_memories(models.load("classic-memory"), request.param)


def test_what_is_read_and_the_question_add_up_to_the_logit(reading: models.MemoryReading):
    """W u_K less its mean word, W taken from the weights; the question's own part is W u_1."""
    network: Any = models.load("classic-memory").module
    logits = reading.states @ network.words[-1].weight.T
    centred = logits - logits.mean(-1, keepdim=True)
    for word in (reading.answer, "kitchen", "Sandra"):
        place = reading.vocabulary.index(word)
        whole = float(centred[0, place] + reading.adds(word).sum())
        assert whole == pytest.approx(float(centred[-1, place]), abs=1e-4 * float(centred.abs().max()))


def test_an_output_memory_read_alone_says_its_likeliest_words(reading: models.MemoryReading):
    network: Any = models.load("classic-memory").module
    table: torch.Tensor = network.words[-1].weight.detach()
    for sentence in range(len(reading.sentences)):
        logits = table @ reading.output_memories[2, sentence]
        (first, lift), (second, less) = reading.says(2, sentence, 2)
        assert reading.vocabulary.index(first) == int(logits.argmax())
        assert lift == pytest.approx(float(logits.max()), rel=1e-4)
        assert (second != first, less <= lift) == (True, True)


def test_a_word_that_it_does_not_know_is_refused(reading: models.MemoryReading):
    with pytest.raises(BadSelection, match="“teapot” is not in the vocabulary"):
        reading.adds("teapot")
