"""Bars of the planner and the tables of costs."""

from typing import Any

import pytest

from viz import theme
from viz.figures.cache_plan import Planned, memory_of_all, users_that_fit
from viz.figures.costs.table import Cell, Row, link, table_html
from viz.figures.golden_table import Checked, checked_table

EVIL = "<img src=x onerror=alert(1)>"
BARS = [
    Planned("MHA", "mha", False, 275 * 10**9, 3, 5),
    Planned("GQA, its own", "gqa", True, 69 * 10**9, 13, 2),
]


@pytest.mark.parametrize("dark", [False, True])
def test_weights_and_caches_stand_end_to_end_and_a_line_where_a_device_is_full(dark: bool):
    figure: Any = memory_of_all(BARS, 16 * 10**9, 72e9, "one device", dark=dark)
    weights, caches = figure.data
    assert figure.layout.barmode == "stack"
    assert list(weights.x) == [16 * 10**9] * 2
    assert list(caches.x) == [275 * 10**9, 69 * 10**9]
    total = next(note for note in figure.layout.annotations if note.y == "MHA")
    assert total.text == "<b>291 GB</b> · 5 devices"
    assert total.x == 291e9
    assert figure.layout.shapes[0].x0 == 72e9
    assert figure.layout.xaxis.range[1] > 291e9
    assert 3 <= len(figure.layout.xaxis.tickvals) <= 6
    assert list(caches.y)[1] == "<b>GQA, its own</b>"


def test_without_known_weights_there_are_caches_alone():
    figure: Any = memory_of_all(BARS, 0, 72e9, "x")
    assert [one.name for one in figure.data] == ["caches"]


@pytest.mark.parametrize("most", [7, 1_234, 72e9, 9.99e15])
def test_ticks_are_round_and_few(most: float):
    figure: Any = memory_of_all([Planned("MHA", "mha", True, int(most), 1, 1)], 0, 1.0, "x")
    assert 3 <= len(figure.layout.xaxis.tickvals) <= 6


def test_users_are_numbers_at_the_bars():
    figure: Any = users_that_fit([*BARS, Planned("x" + EVIL, "mla", False, 1, 0, 1)], "one device")
    assert list(figure.data[0].x) == [3, 13, 0]
    assert "13" in figure.data[0].text[1]
    assert all("<img" not in name for name in figure.data[0].y)


def test_what_stands_in_a_table_is_text():
    table = table_html([Cell(EVIL)], [Row((Cell(EVIL, exact='"' + EVIL),), EVIL)])
    assert "<img" not in table
    assert "<img" not in link(EVIL, 'https://a.example/"' + EVIL)
    assert link("here", "") == "here"


@pytest.mark.parametrize("dark", [False, True])
def test_who_differs_is_said_in_words_and_in_red(dark: bool):
    right = Checked("a", True, "1", "1", "none", "bytes", "paper", "https://arxiv.org/abs/1", "1 = 1")
    wrong = Checked("b", False, "1", "2", "+1", "bytes", "paper", "", "2 = 2", EVIL)
    table = checked_table([right, wrong], "published", "ours", dark=dark)
    assert table.count("✓ agrees") == 1
    assert table.count("✗ differs") == 1
    assert theme.alarm(dark) in table
    assert theme.alarm(dark) not in checked_table([right], "published", "ours", dark=dark)
    assert 'href="https://arxiv.org/abs/1"' in table
    assert "<img" not in table
