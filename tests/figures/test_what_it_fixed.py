"""What the figures of the demonstrations show is what they were given."""

from typing import Any

from models.classic.reading_cost import ReadingTime
from viz import theme
from viz.figures.what_it_fixed import (
    KeptRow,
    Probability,
    kept,
    places_at_once,
    places_read,
    probabilities,
    reading_times,
    shares,
)


def test_times_are_drawn_in_microseconds():
    figure: Any = reading_times(
        [ReadingTime(31, 2e-5, 1e-5, 9e-5, 2.0), ReadingTime(64, 4e-5, 1e-5, 8e-5, 4.0)]
    )
    assert [(line.name, [round(y, 6) for y in line.y]) for line in figure.data] == [
        ("scores of all places", [90.0, 80.0]),
        ("weighted sum of all", [20.0, 40.0]),
        ("one annotation", [10.0, 10.0]),
    ]
    assert list(figure.layout.xaxis.tickvals) == [31, 64]


def test_places_stand_below_the_whole_text():
    figure: Any = places_read(["2", "0"], [3, 5], 7, name="classic-local")
    assert list(figure.data[0].y) == [3, 5]
    assert figure.layout.shapes[0].y0 == 7
    assert list(figure.data[0].customdata) == ["1 “2”", "2 “0”"]


def test_layers_and_all_heads_stand_beside_one_head():
    figure: Any = places_at_once(["2", "0"], [[1, 2], [2, 2]], [2, 4])
    assert [trace.name for trace in figure.data] == ["layer 0", "layer 1", "all heads", "one head"]
    assert [list(trace.y) for trace in figure.data] == [[1, 2], [2, 2], [2, 4], [1, 1]]


def test_what_is_off_has_the_colour_of_what_is_off():
    figure: Any = probabilities(
        [Probability("a", 0.5), Probability("b", 0.25, "told", off=True)], title="p", whole=(0.9, "all")
    )
    assert list(figure.data[0].y) == [0.5, 0.25]
    assert list(figure.data[0].marker.color) == [theme.primary(False), theme.accent(False)]
    assert list(figure.data[0].customdata) == ["a", "b, told"]
    assert figure.layout.shapes[0].y0 == 0.9


def test_heads_are_named_by_layer_and_place():
    figure: Any = shares([[0.5, 0.25], [1.0, 0.0]], title="share")
    assert list(figure.data[0].x) == ["L0 H0", "L0 H1", "L1 H0", "L1 H1"]
    assert list(figure.data[0].y) == [0.5, 0.25, 1.0, 0.0]


def test_what_is_counted_stands_beside_its_formula():
    rows = [KeptRow("MHA", "mha", 2_000, 2_000), KeptRow("off", "mha", 500, 250, warning=True)]
    figure: Any = kept(rows, unit="bytes", title="bytes", dark=True)
    assert list(figure.data[0].x) == [2_000, 500]
    assert list(figure.data[1].x) == [2_000, 250]
    assert list(figure.data[0].text) == ["2 kB", "500 B"]
    assert figure.data[0].marker.color[1] == theme.alarm(True)
