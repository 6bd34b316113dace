"""The picture of a cache that grows: thick what was counted, thin what the formulas say, each named at its end."""

from typing import Any

import pytest

from viz.figures.cache_growth import Grown, KindLine, cache_growth, moved_apart
from viz.figures.kinds import KIND_STYLES

EVIL = "<img src=x onerror=alert(1)>"
LINES = [
    KindLine("MHA", "mha", ((1, 4_096), (100, 409_600))),
    KindLine("GQA-2", "gqa", ((1, 1_024), (100, 102_400)), own=True),
    KindLine("MLA-128", "mla", ((1, 1_152), (100, 115_200))),
]
COUNTED = [(40, 40_960), (41, 41_984), (42, 43_008)]


@pytest.mark.parametrize("dark", [False, True])
def test_lines_and_what_was_counted_are_where_they_were_given(dark: bool):
    figure: Any = cache_growth(LINES, [Grown("family-gqa", "gqa", COUNTED)], dark=dark)
    *thin, thick = figure.data
    assert [list(zip(trace.x, trace.y, strict=True)) for trace in thin] == [
        list(line.points) for line in LINES
    ]
    assert list(zip(thick.x, thick.y, strict=True)) == COUNTED
    assert all("formula" in trace.hovertemplate for trace in thin)
    assert "measured" in thick.hovertemplate
    assert thick.line.color == KIND_STYLES["gqa"].colour(dark)
    assert thick.line.width > max(trace.line.width for trace in thin)
    assert list(thick.marker.size)[:-1] == [0, 0]  # a sign where it stands now, and nowhere else


def test_the_axes_reach_the_last_token_asked_for_from_the_beginning_on():
    figure: Any = cache_growth(LINES, [Grown("a", "gqa", COUNTED[:1])])
    assert tuple(figure.layout.xaxis.range) == (0, 100)
    low, high = figure.layout.yaxis.range
    assert low == 0
    assert 409_600 <= high < 1.2 * 409_600
    assert list(figure.layout.yaxis.ticktext) == ["0", "100 kB", "200 kB", "300 kB", "400 kB"]


def test_names_stand_at_the_ends_of_their_lines_without_touching_the_own_one_bold():
    figure: Any = cache_growth(LINES, [])
    named = {note.text: note.y / 409_600 for note in figure.layout.annotations}
    assert list(named) == ["<b>GQA-2 102 kB</b>", "MLA-128 115 kB", "MHA 410 kB"]
    places = list(named.values())
    assert places[0] == pytest.approx(0.25)
    assert places[1] - places[0] >= 0.099
    assert places[2] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("places", "moved"),
    [
        ([0.1, 0.5], [0.1, 0.5]),
        ([0.1, 0.1, 0.1], [0.1, 0.2, 0.3]),
        ([0.95, 1.0, 1.0], [0.8, 0.9, 1.0]),
        ([], []),
    ],
)
def test_what_would_run_into_each_other_is_moved_apart(places: list[float], moved: list[float]):
    assert moved_apart(places, 0.1) == pytest.approx(moved)


def test_nothing_counted_yet_and_nothing_known_is_an_empty_picture():
    figure: Any = cache_growth([], [])
    assert len(figure.data) == 0


def test_a_models_name_is_text():
    figure: Any = cache_growth([KindLine(EVIL, "mha", ((1, 10), (2, 20)))], [Grown(EVIL, "mha", [(1, 10)])])
    assert EVIL not in figure.to_json().replace("\\u003c", "<").replace("\\u003e", ">")
