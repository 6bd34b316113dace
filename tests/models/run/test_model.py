"""A model that was wrapped without a tokenizer: token ids go in, and whatever reads a text says what is missing."""

import re

import pytest
import torch

import models
from models import BadText
from models.look.capturing import capture_inputs
from models.run.inputs import Encoded
from tests.models.engine_models import TEXT, assert_near, engine, fresh
from tests.sentences import assert_sentence

WHOLE = "llama gqa"


def unread() -> models.AttentionModel:
    return models.wrap(fresh(WHOLE).module, name="Bare")


@pytest.mark.parametrize(
    "read",
    [
        lambda model: models.capture(model, TEXT),
        lambda model: models.token_loss(model, TEXT),
        lambda model: models.count_tokens(model, TEXT),
        lambda model: list(models.stream(model, TEXT, 2)),
        lambda model: models.ablate(model, TEXT, [(0, 0)]),
        lambda model: models.sweep(model, TEXT),
    ],
)
def test_what_reads_a_text_says_that_the_tokenizer_is_missing(read):
    with pytest.raises(BadText, match="Bare has no tokenizer") as caught:
        read(unread())
    assert_sentence(str(caught.value))


def test_ids_are_captured_and_candidates_are_named_by_their_ids():
    whole = models.capture(engine(WHOLE), TEXT)
    ids = whole.ids["text"]
    given = Encoded({"input_ids": torch.tensor([ids])}, {"text": ids}, whole.token_strings)
    run = capture_inputs(unread(), given)
    assert_near(run.pattern(1, 2), whole.pattern(1, 2))
    assert all(re.fullmatch(r"<\d+>", candidate.token) for candidate in run.top_next(3))
