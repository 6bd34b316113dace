"""Charts of several models side by side: what they show is what they were given, on one scale."""

from dataclasses import replace
from math import log10
from typing import Any

import numpy as np
import pytest

from models.loading.card import Card, essential_shape
from models.shape import family
from models.shape.attention_geometry import Kind
from viz import theme
from viz.figures import small_heatmap as small
from viz.figures.kinds import KIND_STYLES
from viz.figures.loss_against_cache import loss_against_cache
from viz.figures.token_losses import token_losses

TOKENS = ["a", " b", "<b>", "\n"]
PATTERN = np.tril(np.arange(16, dtype=np.float32).reshape(4, 4)) / 16
# Published: DeepSeek-V2 (arXiv 2405.04434), table 1, for 4 layers, 8 heads of 32, 2 bytes a number.
CACHE_BYTES = {"mha": 4096, "mqa": 512, "gqa": 1024, "mla": 1152}


def heatmap(pattern: Any = PATTERN, tokens: list[str] = TOKENS, **settings: Any) -> Any:
    return small.small_heatmap(pattern, tokens, top=2.0, **settings)


def test_a_small_heatmap_keeps_the_weights_and_takes_the_common_scale():
    figure = heatmap()
    assert len(figure.data) == 1  # no colour bar, which would name this pattern's own strongest weight
    assert (figure.data[0].zmin, figure.data[0].zmax) == (0.0, 2.0)
    np.testing.assert_array_equal(np.asarray(figure.data[0].z), PATTERN)
    assert list(figure.layout.xaxis.ticktext) == ["a", "·b", "&lt;b&gt;", "⏎"]


@pytest.mark.parametrize(("mark", "axis"), [("query", "y"), ("key", "x")])
def test_the_chosen_token_is_framed(mark: Any, axis: str):
    (shape,) = heatmap(marked=2, mark=mark).layout.shapes
    assert (shape[f"{axis}0"], shape[f"{axis}1"]) == (1.5, 2.5)
    other = "x" if axis == "y" else "y"
    assert (shape[f"{other}0"], shape[f"{other}1"]) == (-0.5, 3.5)
    assert shape.line.color == theme.ACCENT
    assert not heatmap().layout.shapes


@pytest.mark.parametrize("tokens", [191, 192, 193, 500, 512])
def test_the_frame_lies_on_the_cell_that_holds_the_token(tokens: int):
    for marked in (0, 1, tokens // 2, tokens - 1):
        figure = heatmap(np.ones((tokens, tokens)), ["t"] * tokens, marked=marked)
        cell = int(figure.layout.shapes[0].y0 + 0.5)
        start, _, stop = figure.data[0].y[cell].split(" ")[0].partition("-")
        assert int(start) <= marked <= int(stop or start)
    assert len(figure.layout.xaxis.ticktext) <= small.TICKS


def losses() -> dict[Kind, np.ndarray]:
    return {kind: np.array([np.nan, 1, 2, 3 + n], np.float32) for n, kind in enumerate(family.KINDS)}


def test_lines_of_losses():
    figure: Any = token_losses(losses(), TOKENS, selected=2)
    assert [trace.name for trace in figure.data] == ["MHA", "MQA", "GQA", "MLA"]
    for trace, values in zip(figure.data, losses().values(), strict=True):
        np.testing.assert_array_equal(np.asarray(trace.y), values)
    assert list(figure.data[0].x) == ["0 a", "1 ·b", "2 &lt;b&gt;", "3 ⏎"]
    assert (figure.layout.shapes[0].x0, figure.layout.shapes[0].x1) == (2, 2)
    assert "nats" in figure.layout.yaxis.title.text
    # Told apart without colours too.
    assert len({(trace.line.dash, trace.marker.symbol) for trace in figure.data}) == 4


def test_losses_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"expected 4 losses of mha, one a token, got shape \(3,\)"):
        token_losses({"mha": np.ones(3)}, TOKENS)


def card(kind: Kind, loss: float, tokens_seen: int = 20_000_000, seed: int = 0) -> Card:
    return Card(
        name=family.family_name(kind), kind=kind, config=essential_shape(family.family_config(kind)),
        parameters=3_672_320, tokens_seen=tokens_seen, planned_tokens=20_000_000, train_seconds=4000.0,
        device="<b>a CPU</b>", threads=2, torch="2", transformers="5", date="2026-01-31", seed=seed,
        validation_loss=loss, validation_tokens=400_000, roles=(), probe="a text", licence="MIT",
        corpus="92 novels", repeats="5%", command="python -m models.training",
    )  # fmt: skip


def test_a_named_point_a_kind():
    figure: Any = loss_against_cache([card(kind, 3.5 + n / 100) for n, kind in enumerate(family.KINDS)])
    for trace, (n, kind) in zip(figure.data, enumerate(family.KINDS), strict=True):
        assert (trace.x[0], trace.y[0]) == (CACHE_BYTES[kind], 3.5 + n / 100)
        assert kind.upper() in trace.text[0]
        assert trace.marker.symbol == KIND_STYLES[kind].symbol
        assert not trace.error_y.visible
        assert "undertrained" not in trace.text[0]
    assert figure.layout.xaxis.type == "log"
    low, high = figure.layout.xaxis.range
    assert low < log10(512) < log10(4096) < high
    assert "formula" in figure.layout.xaxis.title.text
    assert "measured" in figure.layout.yaxis.title.text


def test_an_undertrained_model_is_called_so():
    figure: Any = loss_against_cache([card("mha", 3.5), card("mla", 3.6, tokens_seen=19_999_999)])
    assert ["undertrained" in trace.text[0] for trace in figure.data] == [False, True]


def test_several_seeds_are_one_point_and_a_bar():
    seeds = [card("mqa", loss, seed=seed) for seed, loss in enumerate((3.5, 3.4, 3.7))]
    (trace,) = loss_against_cache(seeds).data
    point: Any = trace
    assert point.y[0] == 3.5
    assert point.error_y.array[0] == pytest.approx(0.2)
    assert point.error_y.arrayminus[0] == pytest.approx(0.1)
    assert "3 seeds: 3.4000 to 3.7000" in point.hovertemplate


def test_a_card_s_words_are_no_html():
    (trace,) = loss_against_cache([replace(card("mha", 3.5), name="<img src=x>")]).data
    told: Any = trace
    assert "<img" not in told.hovertemplate
