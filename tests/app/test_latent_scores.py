"""Page Latents, Scores: content and rotary part of a head, held against transformers' own eager attention."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest
from transformers import AutoModelForCausalLM

import models
from models.loading.catalog import WEIGHTS
from models.look.latent_reading import score_shares
from tests.app import visit
from tests.app.latent_view import TEXT, open_view
from tests.sentences import assert_sentence
from viz import theme
from viz.components.head_wall import legend_entry
from viz.figures.score_parts import score_heatmaps

HEAD = (2, 5)
Loader = Callable[[str], models.AttentionModel]


@pytest.fixture(scope="module")
def run(load_once: Loader) -> models.Capture:
    return models.capture(load_once("family-mla"), TEXT)


@pytest.fixture(scope="module")
def app() -> AppTest:
    """A visitor whom no test may lead elsewhere."""
    return open_view("scores.scores", layer=HEAD[0], head=HEAD[1], token=7)


def parts(app: AppTest) -> list[np.ndarray]:
    return [visit.decoded(trace["z"]) for trace in visit.figure(app, "latent-scores")["data"]]


def eager_pattern(ids: tuple[int, ...]) -> np.ndarray:
    """What transformers alone makes of the text."""
    module = AutoModelForCausalLM.from_pretrained(
        WEIGHTS / "family-mla", attn_implementation="eager", dtype=torch.float32
    ).eval()
    with torch.no_grad():
        output = module(input_ids=torch.tensor([ids]), output_attentions=True)
    return output.attentions[HEAD[0]][0, HEAD[1]].numpy()


def softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(np.nan_to_num(scores, nan=-np.inf))
    return weights / weights.sum(-1, keepdims=True)


@pytest.mark.parametrize("way", ["Centred per query", "As they are"])
def test_the_softmax_of_the_third_is_transformers_own_pattern(run: models.Capture, way: str):
    app = open_view("scores.scores", layer=HEAD[0], head=HEAD[1])
    visit.rerun(app, **{"latent-scores-way": way})
    content, rotary, whole = parts(app)
    np.testing.assert_allclose(content + rotary, whole, atol=1e-5 * np.nanmax(np.abs(whole)))
    np.testing.assert_allclose(softmax(whole), eager_pattern(run.ids["text"]), atol=1e-5)
    assert np.isnan(whole[np.triu_indices(len(whole), 1)]).all()  # hidden cells stay blank
    means = np.nanmean(content, axis=1)
    assert (np.abs(means).max() < 1e-5 * np.nanmax(np.abs(content))) == (way == "Centred per query")


def test_one_scale_with_zero_in_the_middle_and_the_token_framed(app: AppTest):
    layout = visit.figure(app, "latent-scores")["layout"]
    reach = max(np.nanmax(np.abs(part)) for part in parts(app))
    assert (layout["coloraxis"]["cmin"], layout["coloraxis"]["cmax"]) == pytest.approx((-reach, reach))
    assert [(box["y0"], box["y1"]) for box in layout["shapes"]] == [(6.5, 7.5)] * 3


def test_numbers_badges_and_hover_are_the_engines(app: AppTest, run: models.Capture):
    shares = score_shares(run)
    (line,) = [text.value for text in app.markdown if "coupling" in text.value]
    share, coupling = shares.content[HEAD].item(), shares.coupling[HEAD].item()
    for name, value in (("content share", share), ("coupling", coupling)):
        told = visit.number_in(line, rf"{name} \*\*([-−\d.e]+)\*\*")
        assert told == pytest.approx(value, rel=visit.THREE_DIGITS)
    assert "measured" in line
    assert app.markdown[0].value == f"#### L2 H5 · {shares.kind(*HEAD)}"
    wall = visit.part(app, "latent-scores-wall")
    names = [wall["roles"][place]["name"] for place in wall["role"]]
    assert names == [shares.kind(layer, head) for layer in range(4) for head in range(8)]
    hover = {score["name"]: score["values"] for score in wall["scores"]}
    np.testing.assert_allclose(hover["content share"], shares.content.flatten(), rtol=5e-3)
    np.testing.assert_allclose(hover["rotary share"], 1 - shares.content.flatten(), rtol=5e-3)
    np.testing.assert_allclose(hover["coupling"], shares.coupling.flatten(), rtol=5e-3)


def test_the_wall_can_be_sorted_by_share(run: models.Capture):
    app = open_view("scores.scores", layer=HEAD[0], head=HEAD[1])
    visit.rerun(app, **{"latent-scores-order": "content share"})
    order = visit.part(app, "latent-scores-wall")["order"]["indices"]
    assert order[0] == int(score_shares(run).content.argmax())


def test_each_kind_has_a_badge_of_its_own():
    entries = [legend_entry(kind) for kind in ("content head", "mixed head", "position head")]
    assert [entry["letter"] for entry in entries] == ["C", "M", "P"]
    assert len({entry["light"] for entry in entries}) == 3
    assert not set(theme.SCORE_KINDS) & set(theme.ROLES)


@pytest.fixture(scope="module")
def converted(load_once: Loader, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The family's GQA model, turned into MLA: its keys are of one piece."""
    folder = tmp_path_factory.mktemp("models") / "converted"
    made = models.convert_to_mla(load_once("family-gqa"), kv_rank=64, texts=[TEXT * 60])
    models.save(made, folder)
    return folder


def test_a_model_without_parts_says_so_in_a_sentence(converted: Path):
    app = open_view("scores.scores", converted)
    (sentence,) = visit.infos(app)
    assert_sentence(sentence)
    assert "whole keys" in sentence
    assert not app.get("plotly_chart")


def test_one_token_alone_draws_and_tells_that_nothing_can_be_told():
    app = open_view("scores.scores", text="a")
    assert parts(app)[2].shape == (1, 1)
    assert any("No share can be told" in text.value for text in app.markdown)


@pytest.mark.parametrize("tokens", [3, 192, 193, 500])
def test_tokens_that_share_a_cell_show_the_mean_of_what_is_seen(tokens: int):
    seen = np.tril(np.ones((tokens, tokens), bool))
    content = np.where(seen, 2.0, -1e30)
    figure: Any = score_heatmaps(content, 3 * content, seen, ["<b>"] * tokens, centred=False)
    for trace, expected in zip(figure.data, (2.0, 6.0, 8.0), strict=True):
        cells = np.asarray(trace.z)
        assert len(cells) == min(tokens, 192)
        np.testing.assert_allclose(cells[np.tril_indices(len(cells))], expected, rtol=1e-5)
        assert np.isnan(cells[np.triu_indices(len(cells), 1)]).all()
    assert "&lt;b&gt;" in figure.data[0].x[0]


def test_centred_by_hand():
    content, rotary = np.array([[5.0, 0], [1, 3]]), np.array([[7.0, 0], [10, 0]])
    figure: Any = score_heatmaps(content, rotary, np.tril(np.ones((2, 2), bool)), ["a", "b"])
    expected = ([[0, np.nan], [-1, 1]], [[0, np.nan], [5, -5]], [[0, np.nan], [4, -4]])
    for trace, cells in zip(figure.data, expected, strict=True):
        np.testing.assert_allclose(np.asarray(trace.z), cells)
    assert figure.layout.coloraxis.cmax == 5
