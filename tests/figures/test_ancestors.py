"""Figures of the ancestors: every number where it belongs, with the words that go with it."""

import re
from typing import Any

import pytest

from viz import theme
from viz.figures.ancestors import Line, accuracy_by_length, draws_differ, learning_curves, reinforce_variance
from viz.figures.hop_table import ToldSentence, hop_table

LINES = [
    Line("classic-none", "No attention", [5.5, 20.0], [0.75, 0.5], ["1 to 10", "11 to 29"]),
    Line("classic-soft", "Soft", [5.5, 20.0], [1.0, 0.25], ["one", "two"]),
]


@pytest.mark.parametrize("figure", [accuracy_by_length, learning_curves])
def test_lines_stand_where_their_numbers_are(figure: Any):
    drawn = figure(LINES).to_dict()["data"]
    assert [(list(line["x"]), list(line["y"]), line["name"]) for line in drawn] == [
        (one.x, one.y, one.title) for one in LINES
    ]
    assert [list(line["customdata"]) for line in drawn] == [one.hover for one in LINES]
    assert len({line["line"]["dash"] for line in drawn}) == 2


def test_variances_stand_under_their_own_names():
    without, with_one = reinforce_variance([3, 9], [0.5, 0.25], [0.05, 0.04]).to_dict()["data"]
    assert (without["name"], list(without["x"]), list(without["y"])) == (
        "without a baseline",
        [3, 9],
        [0.5, 0.25],
    )
    assert (with_one["name"], list(with_one["y"])) == ("with the learned one", [0.05, 0.04])


def test_each_written_character_has_its_own_bar():
    figure = draws_differ("20⏎", [0.1, 0.2, 0.9]).to_dict()
    assert list(figure["data"][0]["y"]) == [0.1, 0.2, 0.9]
    assert figure["layout"]["xaxis"]["ticktext"] == ["2", "0", "⏎"]


def rows(table: str) -> list[list[str]]:
    return [
        [re.sub("<.*?>", "", cell) for cell in re.findall("<t[dh].*?</t[dh]>", row)]
        for row in re.findall("<tr.*?</tr>", table)
    ]


@pytest.mark.parametrize("dark", [False, True])
def test_hops_of_a_story_as_a_table(dark: bool):
    told = [
        ToldSentence("Mary <b>got</b> it", [0.0, 1.0], 3.84, ("garden", 0.2)),
        ToldSentence("John left", [0.25, 0.0], -0.5, ("hall", 0.1)),
    ]
    table = hop_table(told, "Where", [("hall", 0.3), ("garden", 0.999)], dark=dark)
    assert rows(table) == [
        ["", "hop 1", "hop 2", "adds to the answer", "answer without it"],
        ["Mary &lt;b&gt;got&lt;/b&gt; it", "0.00", "1.00", "+3.8", "garden"],
        ["John left", "0.25", "0.00", "-0.5", "hall"],
        ["Where?", "hall 30%", "garden 99.9%", "", ""],
    ]
    assert re.findall('class="(same|other)"', table) == ["same", "other"]
    grounds = re.findall("background:(#.{6})", table)
    steps = theme.ink(dark)
    assert (grounds[0], grounds[1]) == (steps[0], steps[-1])
    assert grounds[2] == steps[4], "a quarter is shaded as half: by its root"
