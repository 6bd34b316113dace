"""Words around a date: as long as asked, the same date still, and counted as read right or not."""

import random

import pytest
import torch

from models.classic import lengthening
from models.classic.answering import DateAnswer
from models.classic.bottleneck import BottleneckConfig, BottleneckModel
from models.classic.date_figures import LengthBand
from models.classic.date_reading import read_date
from models.classic.dates import BEFORE, BEHIND, LONGEST
from models.classic.lengthening import lengthened, read_by_length, surrounded
from viz.samples import DATES

SHORTEST = min(map(len, (*BEFORE, *BEHIND)))


@pytest.mark.parametrize("date", DATES)
def test_words_change_neither_the_date_nor_go_over_the_length(date: str):
    iso, groups = read_date(date).iso, lengthened(date, draws=5)
    assert groups[0] == (date,)
    for group in groups[1:]:
        assert len(group) == 5
        assert all(date in text and read_date(text).iso == iso for text in group)
    assert all(LONGEST - SHORTEST <= len(text) <= LONGEST for text in groups[-1])


def test_phrases_stand_where_they_are_said():
    text = surrounded("9 May 2018", 60, random.Random(1))
    before, _, behind = text.partition("9 May 2018")
    for side, phrases in ((before, BEFORE), (behind, BEHIND)):
        for phrase in sorted(phrases, key=len, reverse=True):
            side = side.replace(phrase, "")
        assert side.strip() == ""


def test_the_same_seed_draws_the_same_and_another_does_not():
    assert lengthened("9 May 2018", seed=3) == lengthened("9 May 2018", seed=3)
    assert lengthened("9 May 2018", seed=3) != lengthened("9 May 2018", seed=4)


@pytest.mark.parametrize(("length", "groups"), [(LONGEST, 1), (LONGEST - 1, 2)])
def test_a_text_without_room_stays_alone(length: int, groups: int):
    found = lengthened("x" * length)
    assert len(found) == groups
    assert {text for group in found for text in group} == {"x" * length}


def test_right_ones_are_counted_by_length(monkeypatch: pytest.MonkeyPatch):
    """Every text of an odd length is read wrong."""

    def written(_: object, texts: list[str]) -> tuple[DateAnswer, ...]:
        nothing = torch.zeros(0), torch.zeros(0, 1, 0, 0)
        return tuple(DateAnswer(text, "right" if len(text) % 2 == 0 else "wrong", *nothing) for text in texts)

    monkeypatch.setattr(lengthening, "written_dates", written)
    module = BottleneckModel(BottleneckConfig())
    found = read_by_length(module, [["ab"], ["abc", "abcd", "abcde"], ["abcdef"]], "right")
    assert found.bands == (LengthBand(2, 2, 1, 1), LengthBand(3, 5, 3, 1), LengthBand(6, 6, 1, 1))
    assert found.first_wrong is not None
    assert found.first_wrong.text == "abc"
    assert read_by_length(module, [["ab"]], "right").first_wrong is None
