"""The page Family: four models on one text, and every number on it the engine's own."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import models
from models.loading.catalog import WEIGHTS
from models.shape import family
from tests.app import visit
from tests.sentences import assert_sentence
from viz import samples, services
from viz.figures.token_text import label
from viz.views.family import cards as cards_view

TEXT = "one two three four one two three four one two three"
HEAD = (2, 5)
Loader = Callable[[str], models.AttentionModel]


def open_family(**address: object) -> visit.AppTest:
    """The page opened at an address with these parameters."""
    return visit.opened("family", **address)


@pytest.fixture(scope="module")
def runs(load_once: Loader) -> dict[str, models.Capture]:
    """What the engine says by itself about TEXT, apart from the page and its store."""
    return {kind: models.capture(load_once(family.family_name(kind)), TEXT) for kind in family.KINDS}


@pytest.fixture(scope="module")
def app() -> visit.AppTest:
    """A visitor whom no test may lead elsewhere."""
    return open_family(text=TEXT, layer=HEAD[0], head=HEAD[1], token=7)


def frame(app: visit.AppTest, column: str) -> Any:
    """The table with that column."""
    found = [item.value for item in app.dataframe if column in item.value]
    assert len(found) == 1, f"{len(found)} tables with a column {column}"
    return found[0]


def walls_selection(app: visit.AppTest) -> list[list[int]]:
    return [visit.part(app, f"family-wall-{kind}")["selection"]["value"] for kind in family.KINDS]


def numbers(sent: Any) -> np.ndarray:
    """A list of numbers, as plotly sends it."""
    return visit.decoded(sent) if isinstance(sent, dict) else np.array(sent, dtype=float)


def test_it_opens_on_a_text_worth_looking_at():
    app = open_family()
    assert visit.complaints(app) == []
    for kind in family.KINDS:
        wall = visit.part(app, f"family-wall-{kind}")
        assert wall["atlas"]["heads"] == [8] * 4
        name = family.family_name(kind)
        shown = services.capture(services.Request(name, "auto", samples.DEFAULT.text))
        expected = shown.pattern(*visit.chosen_head(app)).numpy()
        np.testing.assert_allclose(visit.cells(app, f"family-heatmap-{kind}"), expected, atol=1e-6)
    assert app.query_params == {}
    assert "model" not in {box.key for box in app.selectbox}  # all four run, none is to be chosen


def test_the_same_head_and_token_in_all_four(app: visit.AppTest, runs: dict[str, models.Capture]):
    assert visit.chosen_head(app) == HEAD
    assert walls_selection(app) == [list(HEAD)] * 4
    strip = visit.part(app, "family-tokens")
    assert strip["selection"]["value"] == [7, "looks at"]
    assert [entry["text"] for entry in strip["queries"]] == list(runs["mha"].tokens)
    for kind, run in runs.items():
        key = f"family-heatmap-{kind}"
        np.testing.assert_allclose(visit.cells(app, key), run.pattern(*HEAD).numpy(), atol=1e-6)
        (box,) = visit.figure(app, key)["layout"]["shapes"]
        assert (box["y0"], box["y1"]) == (6.5, 7.5)


def test_one_colour_scale_for_all(app: visit.AppTest, runs: dict[str, models.Capture]):
    tops = {visit.figure(app, f"family-heatmap-{kind}")["data"][0]["zmax"] for kind in family.KINDS}
    assert tops == {max(run.pattern(*HEAD).max().item() for run in runs.values())}


def test_scores_beside_chance(app: visit.AppTest, runs: dict[str, models.Capture]):
    table = frame(app, "chance")
    for kind, run in runs.items():
        values = [run.scores().values[name][HEAD].item() for name in run.scores().names]
        np.testing.assert_allclose(table[kind.upper()], values, rtol=1e-5)
    chance = [runs["mha"].scores().chance[name][HEAD].item() for name in runs["mha"].scores().names]
    np.testing.assert_allclose(table["chance"], chance, rtol=1e-5)


def test_candidates_of_each(app: visit.AppTest, runs: dict[str, models.Capture]):
    table = frame(app, "p MHA")
    assert len(table) == 5
    for kind, run in runs.items():
        best = run.top_next(5)
        assert list(table[kind.upper()]) == [label(candidate.token, 24) for candidate in best]
        np.testing.assert_allclose(table[f"p {kind.upper()}"], [one.probability for one in best], rtol=1e-5)


def test_losses_means_and_where_they_differ_most(app: visit.AppTest, load_once: Loader):
    losses = {kind: models.token_loss(load_once(family.family_name(kind)), TEXT) for kind in family.KINDS}
    traces = {trace["name"]: trace for trace in visit.figure(app, "family-loss-lines")["data"]}
    table = frame(app, "apart").sort_values("pos")
    for kind, loss in losses.items():
        np.testing.assert_allclose(numbers(traces[kind.upper()]["y"])[1:], loss[1:], rtol=1e-5)
        np.testing.assert_allclose(table[kind.upper()], loss[1:], rtol=1e-5)
        mean = loss[1:].mean()
        line = rf"^\*\*{kind.upper()}\*\* ([\d.]+) "
        told = next(text.value for text in app.markdown if re.match(line, text.value))
        shown = visit.number_in(told, line)
        assert shown == pytest.approx(mean.item(), abs=0.0051)
        perplexity = float(re.findall(r"perplexity ([\d.,]+)", told)[0].replace(",", ""))
        assert perplexity == pytest.approx(mean.exp().item(), rel=0.005)
    spread = torch.stack(list(losses.values())).nan_to_num(0).amax(0) - torch.stack(
        list(losses.values())
    ).nan_to_num(9e9).amin(0)
    widest = int(spread[1:].argmax()) + 1
    assert frame(app, "apart").iloc[0]["pos"] == widest
    assert any(f"Furthest apart at token {widest}," in note for note in visit.notes(app))


def test_the_cache_line_is_the_published_formula(app: visit.AppTest):
    told = " ".join(visit.notes(app))
    for line in (
        "8 KV heads · 4,096 B",
        "1 KV head · 512 B",
        "2 KV heads · 1,024 B",
        "latent 128 + 16 · 1,152 B",
    ):
        assert f"{line}/token *formula*" in told


def test_selections_follow_to_explore_and_back():
    app = open_family(text=TEXT, layer=3, head=6, token=2)
    assert {name: app.query_params[name] for name in ("layer", "head", "token")} == {
        "layer": "3",
        "head": "6",
        "token": "2",
    }
    app.session_state["model"] = family.family_name("mla")
    visit.turn_to(app, "explore")
    visit.rerun(app)
    assert visit.chosen_head(app) == (3, 6)
    assert visit.part(app, "tokens-decoder")["selection"]["value"][0] == 2
    app.session_state["layer"] = 1
    visit.turn_to(app, "family")
    visit.rerun(app)
    assert walls_selection(app) == [[1, 6]] * 4
    assert app.text_area(key="text").value == TEXT


def test_a_head_that_only_a_larger_model_has_is_moved_inside():
    app = open_family(text=TEXT, layer=29, head=8, token=9999)
    assert walls_selection(app) == [[3, 7]] * 4
    strip = visit.part(app, "family-tokens")
    assert strip["selection"]["value"][0] == len(strip["queries"]) - 1


@pytest.mark.parametrize("text", ["", " \n\t "])
def test_an_empty_text_leaves_the_picture_in_view(text: str):
    app = open_family(text=TEXT)
    before = visit.cells(app, "family-heatmap-mla")
    visit.rerun(app, text=text)
    (sentence,) = visit.complaints(app)  # once, and not four times
    assert_sentence(sentence)
    assert "The text is empty" in sentence
    np.testing.assert_array_equal(visit.cells(app, "family-heatmap-mla"), before)
    assert "Below is what was shown before." in visit.notes(app)


def test_a_long_text_is_cut_at_the_context_and_the_page_says_so():
    app = open_family(text="one two three " * 400, limit=1024)
    (sentence,) = visit.complaints(app)
    assert "beyond the limit of 512" in sentence
    assert len(visit.part(app, "family-tokens")["queries"]) == 512


def test_one_token_alone():
    app = open_family(text="a")
    assert len(visit.part(app, "family-tokens")["queries"]) == 1
    assert any("no loss" in info for info in visit.infos(app))


def test_one_that_fails_leaves_the_others(monkeypatch: pytest.MonkeyPatch):
    capture = models.capture

    def fail(model: models.AttentionModel, *given: Any, **named: Any) -> models.Capture:
        if model.name == family.family_name("gqa"):
            raise RuntimeError("![x](http://a.invalid/x.png)")
        return capture(model, *given, **named)

    monkeypatch.setattr("models.capture", fail)
    app = open_family(text="never run before by anybody", layer=0, head=3)
    (sentence,) = visit.complaints(app)
    assert sentence.startswith("GQA: ")
    assert "RuntimeError" in sentence
    assert "](" not in app.error[0].value
    for kind in ("mha", "mqa", "mla"):
        assert visit.part(app, f"family-wall-{kind}")["selection"]["value"] == [0, 3]
    assert list(frame(app, "apart"))[2:5] == ["MHA", "MQA", "MLA"]


def test_what_looks_like_markdown_is_shown_as_text():
    text = "![x](http://example.invalid/x.png) <script>alert(1)</script> $x^2$"
    app = open_family(text=text)
    assert visit.complaints(app) == []
    for element in (*app.markdown, *app.caption):
        assert "![x]" not in element.value
        assert "<script" not in element.value


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A weights folder with nothing in it."""
    return tmp_path


def test_without_cards_the_page_says_so(weights: Path):
    found, complaints = cards_view.read_cards(weights)
    assert found == {}
    (sentence,) = complaints
    assert_sentence(sentence)
    assert "MHA and MQA and GQA and MLA" in sentence


def test_a_card_that_cannot_be_read_is_told_and_the_others_are_read(weights: Path):
    from tests.figures.test_family_figures import card

    for kind in family.KINDS:
        folder = weights / family.family_name(kind)
        folder.mkdir()
        card(kind, 3.5).write(folder)
    (weights / "family-mqa" / "card.json").write_text(json.dumps({"name": 1}))
    shutil.rmtree(weights / "family-gqa")
    more = weights / "family-mla" / cards_view.SEEDS / "1"
    more.mkdir(parents=True)
    card("mla", 3.4, seed=1).write(more)
    found, complaints = cards_view.read_cards(weights)
    assert {kind: [one.validation_loss for one in of] for kind, of in found.items()} == {
        "mha": [3.5],
        "mla": [3.5, 3.4],
    }
    assert [complaint.split(" ")[0] for complaint in complaints] == ["MQA:", "GQA"]


@pytest.mark.skipif(not list(WEIGHTS.glob("*/card.json")), reason="no card beside the weights")
def test_cards_are_shown_as_measured_with_device_and_date(app: visit.AppTest):
    found, _ = cards_view.read_cards()
    traces = visit.figure(app, "family-cache")["data"]
    assert [numbers(trace["y"])[0] for trace in traces] == [of[0].validation_loss for of in found.values()]
    told = " ".join(visit.notes(app))
    assert "*measured*" in told
    assert "*formula*" in told
    for card, *_ in found.values():
        assert card.date[:10] in told
        assert card.device in told
        assert ("Undertrained" in told) or not card.undertrained
