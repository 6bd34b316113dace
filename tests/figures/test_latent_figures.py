"""Charts of latents: what they show is what they were given."""

from typing import Any

import numpy as np
import pytest
import torch

from models.look.latent_reading import Spectrum
from tests.app.visit import decoded
from viz import theme
from viz.components.cache_map import OUTLIERS, PRECISE, packed, reach
from viz.figures.cache_spectra import LEAST, effective_ranks, rank_shares, singular_values
from viz.figures.head_bars import head_bars
from viz.figures.kinds import KIND_STYLES
from viz.figures.overlap_matrix import CLICKABLE, overlap_matrix, principal_angles


def spectrum(values: list[float], positions: int = 5, elements: int = 7) -> Spectrum:
    return Spectrum(torch.tensor(values), 2.5, positions, elements)


def test_bars_and_the_means_they_are_held_against():
    figure: Any = head_bars(
        [1, 2, 3], [4, 5, 6], [2, 2, 2], [5, 5, 5], measure="norm", mean_of="mean", selected=1, tops=(9, 0)
    )
    keys, key_means, values, value_means = figure.data
    for trace, wanted in (
        (keys, [1, 2, 3]),
        (key_means, [2] * 3),
        (values, [4, 5, 6]),
        (value_means, [5] * 3),
    ):
        np.testing.assert_array_equal(np.asarray(trace.y), wanted)
        assert list(trace.x) == [0, 1, 2]
    assert [colour == theme.ACCENT for colour in keys.marker.color] == [False, True, False]
    assert figure.layout.yaxis.range[1] > 9
    assert figure.layout.yaxis2.range[1] > 0  # where all are 0 the axis has a height still


def test_means_of_other_heads_are_refused():
    with pytest.raises(ValueError, match=r"shapes \(3,\) and \(2,\)"):
        head_bars([1, 2, 3], [1, 2, 3], [1, 2], [1, 2], measure="norm", mean_of="mean", selected=0)


def test_ranks_stand_under_what_they_could_be():
    figure: Any = effective_ranks([spectrum([3, 1]), spectrum([3, 1], elements=11)], selected=1)
    bar, width, positions = figure.data
    assert list(bar.y) == [2.5, 2.5]
    assert (list(width.x), list(width.y)) == ([-0.5, 0.5, 0.5, 1.5], [7, 7, 11, 11])
    assert list(positions.y) == [5] * 4
    assert width.line.dash != positions.line.dash
    assert bar.marker.color[1] == theme.ACCENT != bar.marker.color[0]
    enough: Any = effective_ranks([spectrum([3, 1], positions=7)], selected=0)
    assert [trace.name for trace in enough.data] == ["effective rank", "width of the cache"]


def test_singular_values_as_parts_of_the_largest():
    figure: Any = singular_values(
        [spectrum([8, 4, 8 * LEAST / 2]), spectrum([0, 0]), spectrum([5, 1])], selected=0
    )
    other, chosen = figure.data  # the chosen layer last, so that it lies on top; one without any is left out
    assert (other.name, chosen.name) == ("L2", "L0")
    np.testing.assert_allclose(np.asarray(chosen.y), [1, 0.5, np.nan])
    np.testing.assert_allclose(np.asarray(chosen.customdata), [8, 4, 8 * LEAST / 2])
    assert chosen.line.width > other.line.width


def test_shares_of_models_of_different_depth():
    styles = {"a": KIND_STYLES["mla"], "b": KIND_STYLES["gqa"]}
    found = {"a": [spectrum([1]), spectrum([1])], "b": [spectrum([1], elements=10)]}
    figure: Any = rank_shares(found, styles)
    first, first_most, second, second_most = figure.data
    assert (list(first.x), list(first.y)) == ([0, 1], [2.5 / 7] * 2)
    assert (list(second.x), list(second.y)) == ([0], [0.25])
    assert (list(first_most.y), list(second_most.y)) == ([5 / 7] * 2, [0.5])
    assert (first.line.dash, first.marker.symbol) != (second.line.dash, second.marker.symbol)


def test_overlap_less_what_chance_gives():
    overlap, chance = np.array([[1, 0.5, 0.1], [0.5, 1, 0.3], [0.1, 0.3, 1]]), np.full((3, 3), 0.25)
    figure: Any = overlap_matrix(overlap, chance, pair=(0, 2))
    cells, marks = figure.data
    wanted = [[np.nan, 0.25, -0.15], [0.25, np.nan, 0.05], [-0.15, 0.05, np.nan]]
    np.testing.assert_allclose(np.asarray(cells.z), wanted)
    assert (cells.zmin, cells.zmax) == (-0.25, 0.25)
    told = {
        (y, x): tuple(both) for y, x, both in zip(marks.y, marks.x, np.asarray(marks.customdata), strict=True)
    }
    assert told[0, 1] == (0.5, 0.25)
    assert len(told) == 6
    assert {(shape.y0 + 0.5, shape.x0 + 0.5) for shape in figure.layout.shapes} == {(0, 2), (2, 0)}


def test_overlap_of_many_heads_has_no_mark_a_cell():
    many = np.ones((CLICKABLE + 1, CLICKABLE + 1))
    figure: Any = overlap_matrix(many, many, pair=(0, 1))
    assert len(figure.data) == 1
    assert figure.data[0].hovertemplate


def test_angles_in_degrees():
    (line,) = principal_angles([0.0, np.pi / 6, np.pi / 2, np.nan]).data
    shown: Any = line
    np.testing.assert_allclose(np.asarray(shown.y), [0, 30, 90])


@pytest.mark.parametrize(("shape", "bits", "error"), [((3, 5), 16, 1 / 65534), ((2, PRECISE), 8, 1 / 254)])
def test_numbers_survive_the_way_to_the_browser(shape: tuple[int, int], bits: int, error: float):
    cells = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    sent = packed(cells)
    assert sent["bits"] == bits
    whole = decoded({"bdata": sent["data"], "dtype": f"<i{bits // 8}"}).reshape(shape)
    assert np.abs(whole * sent["step"] - cells).max() <= 1.01 * error * np.abs(cells).max()


def test_one_outlier_does_not_pale_the_rest():
    cells = np.ones((10, 100), np.float32)
    cells[0, 0] = -1000
    assert 1 / cells.size < OUTLIERS
    assert reach(cells) == 1
    assert reach(np.zeros((2, 2), np.float32)) == 1
    assert reach(np.array([[0, 0, 3]], np.float32)) == pytest.approx(3, rel=0.02)
