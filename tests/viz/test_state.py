"""What an address may say, and which head is shown first."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

import models
from models.look.scores import Scores
from viz import state


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        (state.LAYER, "7", 7),
        (state.FIRST_OUT, "1", True),
        (state.FIRST_OUT, "0", False),
        (state.LIMIT, "1024", 1024),
        (state.SCALE, "linear", "linear"),
        (state.DIRECTION, "looked at by", "looked at by"),
        (state.TEXT, " a\n b ", " a\n b "),
    ],
)
def test_good_values(name: str, raw: str, value: Any):
    read = state.KEPT[name].read(raw)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        (state.LAYER, "-1"),
        (state.LAYER, "1.5"),
        (state.LAYER, "9" * 5000),
        (state.FIRST_OUT, "True"),
        (state.LIMIT, "513"),
        (state.SCALE, "Linear"),
        (state.DIRECTION, ""),
    ],
)
def test_bad_values_are_refused(name: str, raw: str):
    with pytest.raises((ValueError, KeyError)):
        state.KEPT[name].read(raw)


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
    assert state.telling_head([made], "decoder") == (1, 1)


def test_else_the_one_that_looks_at_the_previous_token_and_else_any():
    previous = [[0.1, 0.2, 0.9], [0.3, NAN, 0.1]]
    assert state.telling_head([run(induction=NOTHING, previous_token=previous, entropy=NOTHING)], "") == (
        0,
        2,
    )
    entropy = [[0.1, 0.2, 0.3], [0.4, 0.5, 0.1]]
    assert state.telling_head([run(induction=NOTHING, previous_token=NOTHING, entropy=entropy)], "") == (1, 1)
    assert state.telling_head([run(induction=NOTHING, previous_token=NOTHING, entropy=NOTHING)], "") == (0, 0)


def test_a_trace_of_induction_does_not_count():
    traces, previous = [[0.01, 0.09, 0.0], NOTHING[0]], [[0.1, 0.2, 0.9], [0.3, NAN, 0.1]]
    assert state.telling_head([run(induction=traces, previous_token=previous, entropy=NOTHING)], "") == (0, 2)
    faint = [[0.1, 0.2, 0.3], [0.3, NAN, 0.1]]
    assert state.telling_head([run(induction=traces, previous_token=faint, entropy=NOTHING)], "") == (0, 1)


def test_of_several_runs_the_strongest_head_of_any():
    weak, strong = run(induction=[[0.1, 0.4, 0.2], NOTHING[0]]), run(induction=[NOTHING[0], [0.3, 0.2, 0.7]])
    assert state.telling_head([weak, strong], "") == state.telling_head([strong, weak], "") == (1, 2)
