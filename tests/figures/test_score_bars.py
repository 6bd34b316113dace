"""The row of score bars: how far each goes, where chance is, and what pointing at it tells."""

import math
import re

import pytest

from viz.figures.score_bars import ScoreBar, score_bars

BARS = [
    ScoreBar("entropy", 1.88e-15, 2.0, full=2.5, unit=" nats"),
    ScoreBar("induction", 0.75, 0.0625),
    ScoreBar("<self>", 0.1234567, math.nan),
    ScoreBar("duplicate", math.nan, 0.5),
]


@pytest.mark.parametrize("dark", [False, True])
def test_bars_and_ticks_stand_where_the_numbers_say(dark: bool):
    drawn = score_bars(BARS, dark)
    places = re.findall(r"--value:([^;]+);--chance:([^\"]+)", drawn)
    assert places[1] == ("75%", "6.25%")
    assert (float(places[0][0].rstrip("%")), places[0][1]) == (pytest.approx(0, abs=1e-9), "80%")
    assert places[2][1].startswith("-")  # no tick where chance is unknown
    assert len(places) == 3  # nothing is drawn of what the text gives no chance to tell


def test_short_numbers_stand_there_and_exact_ones_are_told():
    drawn = score_bars(BARS, dark=False)
    assert "<b>&lt;0.001</b> nats" in drawn
    assert "1.88e-15" not in re.sub(r'title="[^"]*"', "", drawn)
    assert 'title="entropy: 1.88e-15 nats; by chance 2 nats (the tick)"' in drawn
    assert 'title="&lt;self&gt;: 0.123457"' in drawn


def test_what_is_beyond_the_end_ends_there():
    assert "--value:100%" in score_bars([ScoreBar("induction", 1.2, 0.1)], dark=False)
