"""What an address may say, and which head is shown first."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

import models
from models.look.scores import Scores
from viz.state import choices, keys
from viz.state.head_in_view import telling_head


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        (keys.LAYER, "7", 7),
        (keys.FIRST_OUT, "1", True),
        (keys.FIRST_OUT, "0", False),
        (keys.LIMIT, "1024", 1024),
        (keys.SCALE, "linear", "linear"),
        (keys.DIRECTION, "looked at by", "looked at by"),
        (keys.TEXT, " a\n b ", " a\n b "),
    ],
)
def test_good_values(name: str, raw: str, value: Any):
    read = choices.CHOSEN[name].read(raw)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        (keys.LAYER, "-1"),
        (keys.LAYER, "1.5"),
        (keys.LAYER, "9" * 5000),
        (keys.FIRST_OUT, "True"),
        (keys.LIMIT, "513"),
        (keys.SCALE, "Linear"),
        (keys.DIRECTION, ""),
    ],
)
def test_bad_values_are_refused(name: str, raw: str):
    with pytest.raises((ValueError, KeyError)):
        choices.CHOSEN[name].read(raw)


def run(**values: list[list[float]]) -> models.Capture:
    """Something with scores, and nothing else: two layers of three heads."""
    scores = cast(
        Scores, SimpleNamespace(values={name: torch.tensor(table) for name, table in values.items()})
    )
    return cast(models.Capture, SimpleNamespace(scores=lambda _: scores))


NAN = float("nan")
NOTHING = [[NAN, NAN, NAN], [NAN, NAN, NAN]]


def test_the_strongest_induction_head_is_shown_first():
    previous = [[0.9, 0, 0], [0, 0, 0]]
    made = run(induction=[[0.1, NAN, 0.2], [0.0, 0.6, 0.3]], previous_token=previous, entropy=NOTHING)
    assert telling_head([made], "decoder") == (1, 1)


def test_else_the_one_that_looks_at_the_previous_token_and_else_any():
    previous = [[0.1, 0.2, 0.9], [0.3, NAN, 0.1]]
    assert telling_head([run(induction=NOTHING, previous_token=previous, entropy=NOTHING)], "") == (
        0,
        2,
    )
    entropy = [[0.1, 0.2, 0.3], [0.4, 0.5, 0.1]]
    assert telling_head([run(induction=NOTHING, previous_token=NOTHING, entropy=entropy)], "") == (1, 1)
    assert telling_head([run(induction=NOTHING, previous_token=NOTHING, entropy=NOTHING)], "") == (0, 0)


def test_a_trace_of_induction_does_not_count():
    traces, previous = [[0.01, 0.09, 0.0], NOTHING[0]], [[0.1, 0.2, 0.9], [0.3, NAN, 0.1]]
    assert telling_head([run(induction=traces, previous_token=previous, entropy=NOTHING)], "") == (0, 2)
    faint = [[0.1, 0.2, 0.3], [0.3, NAN, 0.1]]
    assert telling_head([run(induction=traces, previous_token=faint, entropy=NOTHING)], "") == (0, 1)


def test_of_several_runs_the_strongest_head_of_any():
    weak, strong = run(induction=[[0.1, 0.4, 0.2], NOTHING[0]]), run(induction=[NOTHING[0], [0.3, 0.2, 0.7]])
    assert telling_head([weak, strong], "") == telling_head([strong, weak], "") == (1, 2)
