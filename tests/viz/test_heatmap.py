"""The heatmap: cells and their names, and scales that bend the colours alone."""

import base64
from typing import Any

import numpy as np
import pytest

from viz import theme
from viz.figures import heatmap as module
from viz.figures.heatmap import bent_scale, pooled
from viz.figures.scales import LOG_DECADES, SCALES, Scale

QUERIES, KEYS = ["a", " b", "\n"], ["x", " y", "z", "w", "v"]
PATTERN = np.arange(15, dtype=np.float32).reshape(3, 5) / 15


def heatmap(*given: Any, **settings: Any) -> Any:
    """The figure, whose attributes plotly makes as they are asked for."""
    return module.heatmap(*given, **settings)


def difference_heatmap(*given: Any) -> Any:
    return module.difference_heatmap(*given)


def cells(figure: Any) -> np.ndarray:
    z = figure.to_plotly_json()["data"][0]["z"]
    if isinstance(z, dict):
        shape = [int(side) for side in z["shape"].split(",")]
        return np.frombuffer(base64.b64decode(z["bdata"]), z["dtype"]).reshape(shape)
    return np.asarray(z)


def colour(scale: list[tuple[float, str]], place: float) -> np.ndarray:
    """Red, green and blue of a place on a colour scale, mixed as plotly does."""
    places = [stop for stop, _ in scale]
    channels = np.array([[int(hue[i : i + 2], 16) for i in (1, 3, 5)] for _, hue in scale])
    return np.array([np.interp(place, places, channel) for channel in channels.T])


def test_axes_carry_position_and_token():
    figure = heatmap(PATTERN, QUERIES, KEYS)
    trace = figure.data[0]
    assert list(trace.y) == ["0 a", "1 ·b", "2 ⏎"]
    assert list(trace.x) == ["0 x", "1 ·y", "2 z", "3 w", "4 v"]
    assert list(figure.layout.yaxis.ticktext) == ["a", "·b", "⏎"]
    assert figure.layout.yaxis.autorange == "reversed"  # queries run downwards
    assert figure.layout.xaxis.title.text.startswith("key")
    assert figure.layout.yaxis.title.text.startswith("query")
    np.testing.assert_array_equal(cells(figure), PATTERN)


def test_equal_tokens_stay_apart():
    trace = heatmap(np.eye(3), ["a"] * 3, ["a"] * 3).data[0]
    assert len(set(trace.x)) == len(set(trace.y)) == 3


def test_what_looks_like_a_tag_stays_text():
    trace = heatmap(np.eye(2), ["<b>x</b>", "&lt;"], ["<br>", "</s>"]).data[0]
    assert list(trace.y) == ["0 &lt;b&gt;x&lt;/b&gt;", "1 &amp;lt;"]
    assert list(trace.x) == ["0 &lt;br&gt;", "1 &lt;/s&gt;"]


def test_a_part_of_a_text_keeps_its_positions():
    trace = heatmap(PATTERN, QUERIES, KEYS, first_token=100, leave_out_first=True).data[0]
    assert trace.y[0] == "100 a"
    assert not np.isnan(np.asarray(trace.z)).any()  # the text's first token is not among these


def test_pooling_takes_the_mean_of_blocks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "LARGEST", 2)
    made, rows, columns = pooled(PATTERN, QUERIES, KEYS)
    # Rows {0, 1} and {2}; columns {0, 1, 2} and {3, 4}; weights are (5 query + key) / 15.
    expected = np.array([[(0 + 1 + 2 + 5 + 6 + 7) / 6, (3 + 4 + 8 + 9) / 4], [11.0, 13.5]]) / 15
    np.testing.assert_allclose(made, expected, rtol=1e-6)
    assert rows.names == ["0-1 a…", "2 ⏎"]
    assert columns.names == ["0-2 x…", "3-4 w…"]


@pytest.mark.parametrize("tokens", [383, 384, 385, 768, 1000, 2048])
def test_pooling_covers_every_token_once(tokens: int):
    made, rows, columns = pooled(np.ones((tokens, 3)), ["q"] * tokens, ["k"] * 3)
    assert made.shape == (min(tokens, 384), 3)
    np.testing.assert_allclose(made, 1)
    covered = []
    for name in rows.names:
        start, _, stop = name.split(" ")[0].partition("-")
        covered += range(int(start), int(stop or start) + 1)
    assert covered == list(range(tokens))
    assert len(columns.names) == 3


def test_a_pattern_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"expected a pattern of 5 queries x 3 keys, got shape \(3, 5\)"):
        pooled(PATTERN, KEYS, QUERIES)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("weight", [0.0, 0.01, 0.1, 0.25, 0.5, 0.9, 1.0])
def test_a_bent_scale_gives_each_weight_its_colour(weight: float, dark: bool):
    ink = theme.ink_scale(dark)
    bent = {scale: colour(bent_scale(scale, dark), weight) for scale in SCALES}
    log_place = max(0.0, 1 + np.log10(max(weight, 1e-30)) / LOG_DECADES)
    # Between its 33 stops plotly mixes in a straight line, hence the tolerance: 5 of 255, where scales differ by 90.
    np.testing.assert_allclose(bent["linear"], colour(ink, weight), atol=1)
    np.testing.assert_allclose(bent["square root"], colour(ink, weight**0.5), atol=5)
    np.testing.assert_allclose(bent["logarithmic"], colour(ink, log_place), atol=5)


@pytest.mark.parametrize("scale", SCALES)
def test_the_colour_bar_names_the_weights_of_its_colours(scale: Scale):
    figure = heatmap(PATTERN, QUERIES, KEYS, scale=scale)
    bar = figure.data[1].marker.colorbar
    top = float(PATTERN.max())
    bent = bent_scale(scale, dark=False)
    for place, text in zip(bar.tickvals, bar.ticktext, strict=True):
        np.testing.assert_allclose(
            colour(theme.ink_scale(False), place), colour(bent, float(text) / top), atol=9, err_msg=text
        )


def test_colours_span_what_is_left_without_the_first_token():
    pattern = np.array([[1.0, 0.0], [0.8, 0.2]])
    figure = heatmap(pattern, ["a", "b"], ["a", "b"], leave_out_first=True)
    assert figure.data[0].zmax == pytest.approx(0.2)
    assert np.isnan(cells(figure)[:, 0]).all()
    assert pattern[0, 0] == 1.0  # the caller's own numbers are left alone


@pytest.mark.parametrize("pattern", [np.zeros((1, 1)), np.ones((1, 1))])
def test_one_token_alone(pattern: np.ndarray):
    for leave_out_first in (False, True):
        figure = heatmap(pattern, ["a"], ["a"], leave_out_first=leave_out_first)
        assert figure.data[0].zmax == 1.0


def test_a_difference_is_centred_on_zero():
    figure = difference_heatmap([[0.5, 0.5]], [[0.7, 0.3]], ["a"], ["x", "y"])
    trace = figure.data[0]
    np.testing.assert_allclose(cells(figure), [[-0.2, 0.2]], atol=1e-6)
    assert -trace.zmin == trace.zmax == pytest.approx(0.2)
    assert difference_heatmap([[1.0]], [[1.0]], ["a"], ["a"]).data[0].zmax == 1.0
