"""Charts of what contenders cost: what they show is what they were given, and a contradiction is not to be overlooked."""

import base64
import re
from math import log10
from typing import Any

import pytest

from viz import theme
from viz.figures.costs.cache import CacheSeries, Counted, cache_against_context
from viz.figures.costs.quality import Quality, quality_against_cache
from viz.figures.costs.styles import contender_styles, legend_html
from viz.figures.costs.times import Taken, TimeSeries, medians
from viz.figures.kinds import KIND_STYLES
from viz.figures.layout.ticks import round_ticks
from viz.figures.number_text import told_bytes

EVIL = "<img src=x onerror=alert(1)>"
# DeepSeek-V2 (arXiv 2405.04434), Table 1, by hand: 2 x 8 heads x 32 numbers x 4 layers x 4 bytes of each token.
MHA_LINE = [(128, 1_048_576), (512, 4_194_304)]


def styles(*labels: str) -> dict[str, Any]:
    return contender_styles(dict.fromkeys(labels, "mha"))


def cache(*counted: Counted, label: str = "a", dark: bool = False) -> Any:
    return cache_against_context([CacheSeries(label, styles(label)[label], MHA_LINE, counted)], dark=dark)


def test_a_line_by_formula_and_signs_where_it_was_measured():
    figure = cache(Counted(128, 1_048_576, 1_048_576))
    line, points = figure.data
    assert (list(line.x), list(line.y), line.mode) == ([128, 512], [1_048_576, 4_194_304], "lines")
    assert (list(points.x), list(points.y), points.mode) == ([128], [1_048_576], "markers")
    assert "formula" in line.hovertemplate
    assert "measured" in points.hovertemplate
    assert list(points.customdata) == ["exactly the formula"]


@pytest.mark.parametrize("dark", [False, True])
def test_a_cache_over_one_percent_off_its_formula_gets_a_red_ring_and_the_reason(dark: bool):
    wrong = Counted(512, 4_300_000, 4_194_304, "its layers keep <more>")
    figure = cache(Counted(128, 1_048_576, 1_048_576), wrong, dark=dark)
    ring = figure.data[-1]
    assert list(figure.data[1].y) == [1_048_576, 4_300_000]  # where it was counted, not where it should be
    assert (list(ring.x), list(ring.y)) == ([512], [4_300_000])
    assert ring.marker.color == (theme.ALARM_DARK if dark else theme.ALARM)
    assert list(ring.text) == ["+3%"]
    assert "&lt;more&gt;" in figure.data[1].customdata[1]


@pytest.mark.parametrize(
    "fine", [Counted(128, 1_050_000, 1_048_576), Counted(128, 1_040_000, 1_048_576), Counted(128, 77, None)]
)
def test_what_is_within_one_percent_or_has_no_formula_is_not_flagged(fine: Counted):
    assert not fine.is_off
    assert len(cache(fine).data) == 2


def test_half_a_cache_is_flagged_as_much_as_twice_one():
    assert Counted(1, 50, 100).is_off
    assert Counted(1, 200, 100).is_off


def test_one_percent_is_the_border():
    assert [Counted(1, held, 1_000).is_off for held in (988, 991, 1_009, 1_012)] == [True, False, False, True]


def test_medians_with_quartiles():
    points = [Taken(512, 3.0, 2.5, 4.0, "b"), Taken(128, 1.0, 0.9, 1.2, "a")]
    figure: Any = medians([TimeSeries("x", styles("x")["x"], points)], ("context, tokens", "ms a step"))
    (trace,) = figure.data
    assert (list(trace.x), list(trace.y)) == ([128, 512], [1.0, 3.0])
    assert list(trace.error_y.array) == pytest.approx([0.2, 1.0])
    assert list(trace.error_y.arrayminus) == pytest.approx([0.1, 0.5])
    assert list(trace.customdata) == ["a", "b"]
    assert figure.layout.yaxis.title.text == "ms a step"
    low, high = figure.layout.yaxis.range
    assert low < log10(0.9) < log10(4.0) < high


def test_quality_is_a_named_point_each():
    figure: Any = quality_against_cache(
        [
            Quality("a", styles("a")["a"], 8192, "measured", 3.96, "told"),
            Quality("b", styles("b")["b"], 1024, "formula", 4.1, ""),
        ]
    )
    assert [(trace.x[0], trace.y[0], trace.text[0]) for trace in figure.data] == [
        (8192, 3.96, "a"),
        (1024, 4.1, "b"),
    ]
    assert "(measured)" in figure.data[0].hovertemplate
    assert "(formula)" in figure.data[1].hovertemplate


def test_empty_charts_are_drawn():
    assert not cache_against_context([]).data
    assert not medians([], ("x", "y")).data
    assert not quality_against_cache([]).data


def test_contenders_of_one_kind_differ_in_sign_and_dash_and_the_first_looks_like_its_kind():
    found = contender_styles({"mla a": "mla", "mha": "mha", "mla b": "mla", "mla c": "mla"})
    assert found["mla a"] == KIND_STYLES["mla"]
    assert found["mha"] == KIND_STYLES["mha"]
    of_mla = [found[f"mla {letter}"] for letter in "abc"]
    assert len({style.colour(False) for style in of_mla}) == 1
    assert len({(style.symbol, style.dash) for style in of_mla}) == 3


def test_names_are_no_html():
    figure = cache(Counted(128, 1_048_576, 1_048_576), label=EVIL)
    assert all("<img" not in trace.hovertemplate and "<img" not in trace.name for trace in figure.data)
    legend = legend_html(styles(EVIL))
    assert "&lt;img src=x" in legend
    pictures = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', legend)
    assert b"<svg" in base64.b64decode(pictures[0])


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.3), (0.02, 0.2), (5.0, 7_000.0), (1e5, 5e8), (3.0, 3.0)])
def test_every_axis_has_three_ticks_or_more_and_no_crowd(low: float, high: float):
    spare = 0.12 * max(log10(high / low), 0.35)
    shown = [tick for tick in round_ticks([low, high]) if low / 10**spare <= tick <= high * 10**spare]
    assert (3 if high > low else 1) <= len(shown) <= 12


@pytest.mark.parametrize(
    ("contexts", "ticks"),
    [
        ([24], [24]),
        ([24, 100], [24, 100]),
        ([480, 512], [256, 512]),
        (range(100, 900, 100), [64, 128, 256, 512, 1024]),
    ],
)
def test_contexts_have_ticks_where_they_lie(contexts: list[int], ticks: list[int]):
    points = [Taken(context, 1.0, 1.0, 1.0) for context in contexts]
    figure: Any = medians([TimeSeries("x", styles("x")["x"], points)], ("", ""))
    assert list(figure.layout.xaxis.tickvals) == ticks


def test_bytes_have_units():
    assert [told_bytes(count) for count in (12, 1_500, 4_194_304, 2e9, 999.7e9, 2.53e12)] == [
        "12 B",
        "1.5 kB",
        "4.19 MB",
        "2 GB",
        "1 TB",
        "2.53 TB",
    ]
