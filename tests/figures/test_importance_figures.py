"""Figures of what heads are worth hold the numbers that they are given, in the right place."""

from typing import Any

import numpy as np
import pytest
import torch

from models.pruning.curve import PruneCurve
from viz.figures.against_chance import Compared, against_chance
from viz.figures.few_heads import few_heads
from viz.figures.head_grid import head_grid
from viz.figures.prune_curves import prune_curves
from viz.figures.rank_scatter import rank_scatter
from viz.figures.saving_dots import Timed, saving_dots

VALUES = np.array([[0.04, -0.01, 0.0], [0.16, np.nan, 0.09]])


def curve(order: Any, *loss: list[float]) -> PruneCurve:
    heads = ((0, 0), (0, 1), (1, 0), (1, 1))
    return PruneCurve(order, "decoder", "zero", "loss", heads, (0, 2, 4), torch.tensor(loss), 5)


def test_the_grid_s_colours_meet_at_zero_and_its_marks_know_the_numbers():
    figure: Any = head_grid(
        VALUES, measure="loss rises by", unit="nats", off=[(1, 2)], beside=("gradient", 10 * VALUES)
    )
    cells, crosses, marks = figure.data
    np.testing.assert_allclose(cells.z, [[0.2, -0.1, 0.0], [0.4, np.nan, 0.3]])
    assert cells.zmin == -cells.zmax == pytest.approx(-0.4)
    assert (list(crosses.x), list(crosses.y)) == ([2], [1])
    told = {
        (int(y), int(x)): tuple(own) for y, x, own in zip(marks.y, marks.x, marks.customdata, strict=True)
    }
    assert set(told) == {(0, 0), (0, 1), (0, 2), (1, 0), (1, 2)}
    assert told[1, 2] == pytest.approx((0.09, 0.9))
    texts = dict(zip(np.round(cells.colorbar.tickvals, 3), cells.colorbar.ticktext, strict=True))
    assert texts[0.4] == "+0.16"
    assert texts[0.2] == "+0.04"


def test_places_are_counted_from_the_most_important():
    figure: Any = rank_scatter(
        VALUES, [[5.0, 1.0, 2.0], [9.0, 3.0, 4.0]], names=("one", "other"), off=[(0, 0)]
    )
    _, points = figure.data
    places = {told[0]: (x, y) for told, x, y in zip(points.customdata, points.x, points.y, strict=True)}
    assert places == {"L0 H0": (3, 2), "L0 H1": (5, 5), "L0 H2": (4, 4), "L1 H0": (1, 1), "L1 H2": (2, 3)}
    symbols = dict(zip((told[0] for told in points.customdata), points.marker.symbol, strict=True))
    assert symbols["L0 H0"] == "x" != symbols["L1 H0"]


def test_curves_have_a_band_a_knee_and_the_visitor_s_own_point():
    shown = [curve("importance", [4.0, 4.1, 6.0]), curve("random", [4.0, 5.0, 6.0], [4.0, 4.4, 6.2])]
    figure: Any = prune_curves(shown, chosen=(3, 4.7), allowed=4.2)
    traces = {trace.name: trace for trace in figure.data}
    assert list(traces["least important first"].x) == [0, 40, 80]
    np.testing.assert_allclose(traces["least important first"].y, [4.0, 4.1, 6.0], rtol=1e-6)
    np.testing.assert_allclose(traces["random"].y, [4.0, 4.7, 6.1], rtol=1e-6)
    np.testing.assert_allclose(traces["random, 2 draws"].y, [4.0, 5.0, 6.2, 6.0, 4.4, 4.0], rtol=1e-6)
    knee, own = traces["knee, least important first"], traces["your 3 heads"]
    assert (list(knee.x), list(knee.y)) == ([40], pytest.approx([4.1]))
    assert (list(own.x), list(own.y)) == ([60], [4.7])
    assert figure.layout.shapes[0].y0 == 4.2
    nothing: Any = prune_curves([])  # measured yet
    assert len(nothing.data) == 0


def test_a_set_stands_beside_its_random_ones():
    figure: Any = against_chance([Compared("five", 0.2, (0.1, 0.5, 0.3))], quantity="nats")
    rings, medians, own = figure.data
    assert list(rings.x) == [0.1, 0.5, 0.3]
    assert (list(medians.x), list(own.x)) == ([0.3], [0.2])
    assert {*rings.y, *medians.y, *own.y} == {"five"}


def test_few_heads_between_their_draws():
    figure: Any = few_heads(
        (1, 2, 3), (6.0, 5.0, 4.0), [(7.0, 6.0, 4.0), (9.0, 5.5, 4.0)], metric="loss", allowed=4.2
    )
    band, random, best = figure.data
    assert list(band.y) == [9.0, 6.0, 4.0, 4.0, 5.5, 7.0]
    assert list(random.y) == [8.0, 5.75, 4.0]
    assert (list(best.x), list(best.y)) == ([1, 2, 3], [6.0, 5.0, 4.0])


def test_times_are_shares_of_the_full_model_s():
    works = [Timed("reading", "s", (2.0, 1.9, 2.2), (2.1, 2.0, 2.3), (1.5, 1.4, 1.7), 0.7)]
    figure: Any = saving_dots(works, claimed=0.8)
    shown = {trace.name: trace for trace in figure.data}
    assert list(shown["full"].x) == [100.0]
    assert list(shown["removed"].x) == [75.0]
    np.testing.assert_allclose(shown["removed"].error_x.array, [10.0])
    np.testing.assert_allclose(shown["removed"].error_x.arrayminus, [5.0])
    assert list(shown["removed, by formula"].x) == [70.0]
    assert figure.layout.shapes[0].x0 == 80.0
