"""The roofline: what it allows is what the two peaks allow, and what was reached stands below it."""

from typing import Any

import pytest

from models.costs.model_cost import Work
from models.costs.peaks import Peaks
from viz.figures.costs.styles import contender_styles
from viz.figures.number_text import told_speed
from viz.figures.roofline import Placed, RoofRow, attainable, roofline

PEAKS = Peaks(100e9, 10e9, "cpu", "float32", 1)  # a ridge of 10 operations a byte
EVIL = "<img src=x>"


def row(label: str = "a", reached: float | None = None) -> RoofRow:
    decode = Placed("decode", Work(2_000, 1_000), 1, reached)
    steps = [decode, Placed("decode", Work(8_000, 1_000), 4)]
    prefill = Placed("prefill", Work(50_000, 1_000), 1)
    return RoofRow(label, contender_styles({label: "mla"})[label], 512, prefill, decode, steps)


@pytest.mark.parametrize(("intensity", "allowed"), [(2, 20e9), (10, 100e9), (50, 100e9)])
def test_left_of_the_ridge_memory_is_the_limit_and_right_of_it_arithmetic(intensity: int, allowed: float):
    assert attainable(Work(1_000 * intensity, 1_000), PEAKS) == pytest.approx(allowed)


def test_every_pass_stands_on_the_roof_and_in_its_row():
    figure: Any = roofline(PEAKS, [row()])
    roof, *signs = figure.data
    assert list(roof.y)[1:] == [100e9, 100e9]
    assert roof.x[1] == 10
    assert [(list(one.x), list(one.y)) for one in signs[:2]] == [([2], [20e9]), ([50], [100e9])]
    (trail,) = [one for one in signs if one.mode == "lines+markers"]
    assert list(trail.x) == [2, 8]
    assert "memory is the limit" in signs[0].customdata[0]
    assert "arithmetic is the limit" in signs[1].customdata[0]
    assert [one.text[0] for one in signs if one.mode == "markers+text"] == ["decode", "prefill"]


@pytest.mark.parametrize("dark", [False, True])
def test_what_was_reached_is_a_cross_below_the_roof(dark: bool):
    figure: Any = roofline(PEAKS, [row(reached=5e9)], dark=dark)
    (cross,) = [one for one in figure.data if one.name == "reached"]
    assert list(cross.y) == [5e9, 20e9]
    assert "25.0% of that (measured)" in cross.customdata[0]
    low, high = figure.layout.yaxis.range
    assert 10**low < 5e9
    assert 10**high > 100e9


def test_speeds_have_several_ticks_on_a_slow_device_too():
    figure: Any = roofline(Peaks(30e9, 10e9, "cpu", "float32", 1), [row()])
    low, high = figure.layout.yaxis.range
    assert sum(10**low <= tick <= 10**high for tick in figure.layout.yaxis.tickvals) >= 3


def test_names_are_no_html_and_an_empty_roof_is_drawn():
    figure: Any = roofline(PEAKS, [row(EVIL)])
    assert all("<img" not in (one.hovertemplate or "") for one in figure.data)
    assert all("<img" not in str(one.y) for one in figure.data[3:])
    empty: Any = roofline(PEAKS, [])
    assert len(empty.data) == 1


def test_speeds_have_three_digits_and_a_prefix():
    assert [told_speed(speed) for speed in (1.2345e9, 989e12, 999.96e9, 12.0)] == [
        "1.23 GFLOP/s",
        "989 TFLOP/s",
        "1 TFLOP/s",
        "12 FLOP/s",
    ]
