"""Figures of the page Convert hold the numbers that they are given, in the right place."""

from typing import Any

import numpy as np
import pytest

from viz.figures.healing_loss import healing_loss
from viz.figures.layout.ticks import round_numbers
from viz.figures.perplexity_against_cache import Size, perplexity_against_cache
from viz.figures.small_heatmap import LARGEST, small_difference

CURVE = [Size(512, 9.5, "rank 8 <b>"), Size(2048, 6.0, "rank 32"), Size(1024, 7.0, "rank 16")]


def test_the_line_runs_from_the_smallest_cache_to_the_largest():
    figure: Any = perplexity_against_cache(CURVE, Size(4096, 5.5, "tiny"), Size(1024, 7.0, "rank 16"))
    line, original, chosen = figure.data
    assert (list(line.x), list(line.y)) == ([512, 1024, 2048], [9.5, 7.0, 6.0])
    assert line.customdata[0] == "rank 8 &lt;b&gt;"
    assert (original.x[0], original.y[0], original.text[0]) == (4096, 5.5, "original 5.5")
    assert (chosen.x[0], chosen.y[0], chosen.text[0]) == (1024, 7.0, "chosen 7")
    assert original.marker.symbol != chosen.marker.symbol != line.marker.symbol
    for axis, values in ((figure.layout.xaxis, (512, 4096)), (figure.layout.yaxis, (5.5, 9.5))):
        assert axis.type == "log"
        assert axis.range[0] < np.log10(values[0]) < np.log10(values[1]) < axis.range[1]


def test_nothing_measured_yet_is_an_empty_figure():
    empty: Any = perplexity_against_cache([], None)
    assert len(empty.data) == 0
    only: Any = perplexity_against_cache([], Size(4096, 5.5, "tiny"))
    assert only.layout.xaxis.range[0] < np.log10(4096) < only.layout.xaxis.range[1]


@pytest.mark.parametrize(
    ("low", "high"), [(188.7, 197.2), (6.77, 13.1), (6.77, 1544.0), (1.01, 1.02), (5.0, 5.0), (900.0, 2e5)]
)
def test_an_axis_has_a_few_round_numbers(low: float, high: float):
    ticks = round_numbers(low, high)
    assert ticks == sorted(ticks)
    inside = [tick for tick in ticks if low * 0.98 <= tick <= high * 1.02]
    assert 1 <= len(inside) <= 12
    assert all(float(f"{tick:.4g}") == pytest.approx(tick) for tick in inside)


def test_the_difference_is_first_minus_second_around_zero():
    first, second = np.eye(3), np.full((3, 3), 1 / 3)
    figure: Any = small_difference(first, second, ["a", "b", "c"])
    np.testing.assert_allclose(figure.data[0].z, first - second, rtol=1e-6)
    assert figure.data[0].zmin == -figure.data[0].zmax == pytest.approx(-2 / 3)
    assert not figure.data[0].showscale
    long = LARGEST + 7
    pooled: Any = small_difference(np.eye(long), np.zeros((long, long)), ["x"] * long)
    assert pooled.data[0].z.shape == (LARGEST, LARGEST)


def test_the_loss_of_healing():
    figure: Any = healing_loss([(10, 0.5), (20, 0.25)])
    (trace,) = figure.data
    assert (list(trace.x), list(trace.y)) == ([10, 20], [0.5, 0.25])
