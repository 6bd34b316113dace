"""What removing heads gains: every repeat is drawn where it was, and what is far off stands at the edge and says so."""

from typing import Any

import pytest

from models.measuring.speedup import Speedup
from viz import theme
from viz.figures.removal_speed import SpeedRow, removal_speed

READING = SpeedRow("reading", Speedup((1.5, 1.7, 1.6)), Speedup((0.9, 1.0, 0.95)), 1.8)
WRITING = SpeedRow("writing", Speedup((1.0, 9.0, 1.1)), Speedup((1.0, 1.0, 1.0)), None)


def drawn(*rows: SpeedRow, dark: bool = False) -> dict[str, Any]:
    figure: Any = removal_speed(rows, dark=dark)
    return {trace.name: trace for trace in figure.data}


def test_repeats_medians_and_what_operations_foretell():
    traces = drawn(READING)
    assert list(traces["removed, each repeat"].x) == [1.5, 1.7, 1.6]
    assert list(traces["removed, median"].x) == [1.6]
    assert list(traces["switched off"].x) == [0.95]
    assert list(traces["operations foretell"].x) == [1.8]
    assert "formula" in traces["operations foretell"].hovertemplate
    assert set(traces["removed, each repeat"].y) == {"reading"}


def test_without_a_formula_nothing_is_foretold():
    assert list(drawn(WRITING)["operations foretell"].x) == []


def test_a_repeat_that_something_disturbed_stands_at_the_edge_and_its_hover_tells_how_far_it_is():
    figure: Any = removal_speed([WRITING])
    low, high = figure.layout.xaxis.range
    repeats = next(trace for trace in figure.data if trace.name == "removed, each repeat")
    assert [repeats.x[0], repeats.x[2]] == [1.0, 1.1]
    assert 1.1 < repeats.x[1] < high  # beside the edge, where no label stands
    assert list(repeats.customdata) == [1.0, 9.0, 1.1]
    assert low < 1 < 1.1 < high < 2


@pytest.mark.parametrize("dark", [False, True])
def test_what_was_removed_has_the_accent_s_colour_and_as_fast_as_before_has_a_line(dark: bool):
    figure: Any = removal_speed([READING], dark=dark)
    assert figure.layout.shapes[0].x0 == 1
    assert {trace.name: trace for trace in figure.data}["removed, median"].marker.color == theme.accent(dark)
