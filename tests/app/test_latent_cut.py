"""Page Latents, Switch off: what is off, in the address and on the page, and its effects held against edited weights."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest
from transformers import AutoModelForCausalLM, PreTrainedModel

import models
from models.loading.catalog import WEIGHTS
from models.shape.family import family_name
from tests.app import visit
from tests.app.latent_view import TEXT, open_view, settle
from tests.app.test_family import numbers
from tests.sentences import assert_sentence
from viz import latent_cuts, services
from viz.figures.loss_change import layer_worth, loss_change
from viz.figures.token_text import label
from viz.latent_cuts import Part
from viz.services import cut_effects
from viz.services.kept import held

RANK, ROPE = 128, 16
HEAD = (2, 5)
VIEW = "switch_off.view.switch_off"
Loader = Callable[[str], models.AttentionModel]


@pytest.fixture(scope="module")
def run(load_once: Loader) -> models.Capture:
    return models.capture(load_once("family-mla"), TEXT)


def edited(layer: int, dimensions: tuple[int, ...], rotary: bool) -> PreTrainedModel:
    """Transformers' own model, under its own eager attention, whose columns of W_UK and W_UV are zero there."""
    module = AutoModelForCausalLM.from_pretrained(
        WEIGHTS / "family-mla", attn_implementation="eager", dtype=torch.float32
    ).eval()
    part = module.model.layers[layer].self_attn
    with torch.no_grad():
        part.kv_b_proj.weight[:, list(dimensions)] = 0
        if rotary:
            part.kv_a_proj_with_mqa.weight[RANK:] = 0
    return module


def told(app: AppTest, name: str) -> str:
    """One of the numbers above the chart, exact as its help tells it."""
    (found,) = [text for text in app.markdown if text.value.startswith(f"**{name}** *measured*")]
    return found.help


def list_of_cuts(app: AppTest) -> list[str]:
    return [button.label for button in app.button if str(button.key).startswith("latent-cut-remove-")]


def test_effects_are_those_of_edited_weights(run: models.Capture):
    app = open_view(VIEW, layer=HEAD[0], head=HEAD[1], cut="1:d5,d7-9,r")
    ids = torch.tensor([run.ids["text"]])
    with torch.no_grad():
        whole = edited(1, (), False)(input_ids=ids, labels=ids, output_attentions=True)
        output = edited(1, (5, 7, 8, 9), True)(input_ids=ids, labels=ids, output_attentions=True)
    assert abs(output.loss - whole.loss) > 1e-2  # the cut does something
    assert float(told(app, "As it is").split()[0]) == pytest.approx(whole.loss.item(), rel=1e-4)
    assert float(told(app, "With the cut").split()[0]) == pytest.approx(output.loss.item(), rel=1e-4)

    losses = [
        -one.logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0] for one in (whole, output)
    ]
    bars = numbers(visit.figure(app, "latent-cut-loss")["data"][0]["y"])
    np.testing.assert_allclose(bars[1:], losses[1] - losses[0], atol=1e-4)
    (table,) = [item.value for item in app.dataframe if "change" in item.value]
    assert table["pos"].tolist()[0] == int((losses[1] - losses[0]).argmax()) + 1

    for key, one in (("before", whole), ("with-the-cut", output)):
        drawn = visit.cells(app, f"latent-cut-head-{key}")
        np.testing.assert_allclose(drawn, one.attentions[HEAD[0]][0, HEAD[1]], atol=1e-5)
    drawn = visit.cells(app, "latent-cut-head-with-the-cut-minus-before")
    np.testing.assert_allclose(
        drawn, (output.attentions[HEAD[0]] - whole.attentions[HEAD[0]])[0, HEAD[1]], atol=1e-5
    )

    (scores,) = visit.part(app, "latent-cut-wall")["scores"]
    expected = [
        0.5 * (one[0] - other[0]).abs().sum(-1).mean(-1)
        for one, other in zip(whole.attentions, output.attentions, strict=True)
    ]
    assert scores["name"] == "changed"
    np.testing.assert_allclose(scores["values"], torch.cat(expected), rtol=6e-3, atol=1e-6)
    assert scores["values"][:8] == pytest.approx([0.0] * 8, abs=1e-6)  # below the cut nothing changes

    (table,) = [item.value for item in app.dataframe if "p with the cut" in item.value]
    best = output.logits[0, -1].softmax(-1).topk(8)
    np.testing.assert_allclose(table["p with the cut"], best.values, rtol=1e-3)
    assert list(table["with the cut"]) == [
        label(token, 24) for token in run.vocabulary(best.indices.tolist())
    ]


@pytest.mark.parametrize("kind", latent_cuts.DIRECTIONS)
def test_directions_are_those_numpy_finds(run: models.Capture, kind: latent_cuts.Kind):
    latent = run.kv_latent(1).double().numpy()
    _, _, right = np.linalg.svd(latent, full_matrices=True)
    rows = {"strongest": right[:3], "weakest": right[len(latent) - 3 : len(latent)], "all but": right[3:]}[
        kind
    ]
    ours = latent_cuts.directions(run.kv_latent(1), kind, 3).double().numpy()
    np.testing.assert_allclose(
        latent @ ours.T @ ours, latent @ rows.T @ rows, atol=1e-4 * np.abs(latent).max()
    )
    (cut,) = latent_cuts.engine_cuts(run, [Part(1, kind, 3)])
    assert cut == latent_cuts.engine_cuts(run, [Part(1, kind, 3)])[0]  # the same text, the same cut
    every = latent_cuts.engine_cuts(run, [Part(-1, kind, 3)])
    assert [one.layer for one in every] == [0, 1, 2, 3]
    assert every[1].directions == cut.directions


def test_all_but_the_strongest_leaves_no_more_than_that(run: models.Capture, load_once: Loader):
    cuts = latent_cuts.engine_cuts(run, [Part(0, "whole"), Part(2, "all but", 3)])
    after = models.capture(
        load_once("family-mla"), TEXT, latents_off=cuts
    )  # layer 0 moves what layer 2 makes
    assert torch.linalg.matrix_rank(after.kv_latent(2), rtol=1e-4) == 3


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("2:d5,d7;1:r;3:w;2:s4", "1:r;2:d5,d7,s4;3:w"),
        ("*:d3,d4,d5,d9;*:l2,o7", "*:d3-5,d9,o7,l2"),
        ("1:d5,x,d,s0,r3,w1,s,s2-4,o;nonsense;-1:w;2:d-1; ;:r;3: r ", "1:d5;3:r"),
        ("1:d7-5", ""),
        ("", ""),
    ],
)
def test_what_stands_in_the_address_is_read_and_the_rest_ignored(text: str, back: str):
    parts = latent_cuts.read(text)
    assert sorted(latent_cuts.write(parts).split(";")) == sorted(back.split(";"))
    assert latent_cuts.read(latent_cuts.write(parts)) == parts


@pytest.fixture(scope="module")
def opened() -> AppTest:
    return open_view(VIEW, layer=1, head=0)


def test_it_opens_on_what_each_layer_is_worth(opened: AppTest, load_once: Loader):
    model = load_once("family-mla")
    before = models.token_loss(model, TEXT)[1:].mean()
    whole, rotary = visit.figure(opened, "latent-worth")["data"]
    assert [whole["name"], rotary["name"]] == ["whole latent off", "rotary key off"]
    for layer in range(4):
        off = models.token_loss(model, TEXT, heads_off=[(layer, head) for head in range(8)])[1:].mean()
        assert numbers(whole["y"])[layer] == pytest.approx((off - before).item(), abs=1e-4)
    few = visit.figure(opened, "latent-worth-few")["data"][0]
    tokens = len(models.capture(model, TEXT).tokens)
    assert few["x"] == [count for count in (1, 2, 4, 8, 16, 32) if count <= tokens]
    off = models.token_loss(model, TEXT, latents_off=_all_but(model, 2))[1:].mean()
    assert numbers(few["y"])[1] == pytest.approx((off - before).item(), abs=1e-4)
    without = edited(3, (), True)
    ids = torch.tensor([models.capture(model, TEXT).ids["text"]])
    with torch.no_grad():
        loss = without(input_ids=ids, labels=ids).loss
    assert numbers(rotary["y"])[3] == pytest.approx((loss - before).item(), abs=1e-4)


def _all_but(model: models.AttentionModel, count: int) -> list[models.LatentCut]:
    run = models.capture(model, TEXT)
    rights = [np.linalg.svd(run.kv_latent(layer).double().numpy())[2] for layer in range(4)]
    return [models.LatentCut(layer, directions=right[count:].tolist()) for layer, right in enumerate(rights)]


def test_cuts_add_up_are_listed_and_taken_back():
    app = open_view(VIEW, layer=1, head=0, dimension=17)
    settle(visit.click(app, "latent-cut-off-rotary"))
    assert app.query_params["cut"] in ("1:r", ["1:r"])
    settle(visit.click(app, "latent-cut-add"))
    assert list_of_cuts(app) == ["L1 · dimension 17", "L1 · rotary key"]
    app.multiselect[0].select(3)
    settle(visit.rerun(app))
    assert list_of_cuts(app) == ["L1 · dimensions 3, 17", "L1 · rotary key"]
    settle(visit.rerun(app, **{"latent-cut-where": "every layer"}))
    settle(visit.click(app, "latent-cut-directions"))
    assert list_of_cuts(app)[0] == "every layer · strongest 4 directions"
    settle(visit.click(app, "latent-cut-remove-2"))  # the rotary key
    assert app.session_state["cut"] == "*:s4;1:d3,d17"
    settle(visit.click(app, "latent-cut-clear"))
    assert app.session_state["cut"] == ""
    assert list_of_cuts(app) == []
    assert "cut" not in app.query_params
    visit.figure(app, "latent-worth")


def test_the_dimensions_off_stand_in_their_list():
    app = open_view(VIEW, layer=2, head=0, cut="2:d5,d7;1:d9")
    assert app.multiselect[0].value == [5, 7]
    app.multiselect[0].unselect(5)
    settle(visit.rerun(app))
    assert app.session_state["cut"] == "1:d9;2:d7"


def test_the_whole_latent_off_and_nothing_off_are_told_apart_for_each_visitor():
    first = open_view(VIEW, layer=1, head=0, cut="1:w")
    second = open_view(VIEW, layer=1, head=0)
    assert list_of_cuts(first) == ["L1 · whole latent"]
    assert list_of_cuts(second) == []
    request = services.Request("family-mla", "auto", TEXT)
    effect = cut_effects.cut_effect(request, services.capture(request), latent_cuts.read("1:w"))
    assert effect.run.kv_latent(1).abs().max() == 0
    assert services.capture(request).kv_latent(1).abs().max() > 0
    assert sum(held(effect).values()) > effect.run.nbytes


@pytest.mark.parametrize(
    ("cut", "word"),
    [
        ("9:w", "Layer 9 has no latents"),
        ("1:d128", "Latent dimension 128 is out of range"),
        ("9:s2", "Layer 9"),
    ],
)
def test_what_the_model_does_not_have_is_said_and_can_be_taken_back(cut: str, word: str):
    app = open_view(VIEW, layer=1, head=0, cut=cut)
    (sentence,) = visit.infos(app)
    assert_sentence(sentence)
    assert word in sentence
    settle(visit.click(app, "latent-cut-remove-0"))
    assert visit.infos(app) == []


@pytest.fixture(scope="module")
def converted(load_once: Loader, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The family's GQA model, turned into MLA: it has latents and no rotary key of its own."""
    folder = tmp_path_factory.mktemp("models") / "converted"
    made = models.convert_to_mla(load_once(family_name("gqa")), kv_rank=64, texts=[TEXT * 60])
    models.save(made, folder)
    return folder


def test_a_model_without_a_rotary_key(converted: Path):
    app = open_view(VIEW, converted, layer=1, head=0)
    (bars,) = visit.figure(app, "latent-worth")["data"]
    assert bars["name"] == "whole latent off"
    settle(visit.click(app, "latent-cut-off-rotary"))
    (sentence,) = visit.infos(app)
    assert_sentence(sentence)
    assert "no rotary key" in sentence
    settle(visit.click(app, "latent-cut-clear"))
    settle(visit.click(app, "latent-cut-off-whole"))
    assert visit.infos(app) == []


@pytest.mark.parametrize("cut", ["", "1:w"])
def test_one_token_alone(cut: str):
    app = open_view(VIEW, text="a", layer=1, head=0, cut=cut)
    assert any("no loss" in sentence for sentence in visit.infos(app))


def test_what_is_slow_waits_to_be_asked(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cut_effects, "SMALL_FLOPS", 1.0)
    app = open_view(VIEW, text="never run before by anybody", layer=1)
    assert not app.get("plotly_chart")
    assert any("passes over the text" in note for note in visit.notes(app))
    settle(visit.click(app, "latent-worth-go"))
    visit.figure(app, "latent-worth")


def test_what_looks_like_markup_is_shown_as_text():
    figure: Any = loss_change([np.nan, 1.0], [np.nan, 3.0], ["a", "<b>"])
    assert list(figure.data[0].x) == ["0 a", "1 &lt;b&gt;"]
    assert figure.data[0].y[1] == 2.0
    app = open_view(VIEW, text="![x](http://a.invalid/x.png) <script>", cut="1:r", layer=1)
    assert visit.complaints(app) == []
    assert not any("![x]" in element.value for element in (*app.markdown, *app.caption))


def test_bars_of_layers():
    figure: Any = layer_worth([0, 2], [0.5, -0.1], [np.nan, 0.2])
    sent = json.loads(figure.to_json())["data"]
    assert [trace["x"] for trace in sent] == [["L0", "L2"]] * 2
    assert len(cast(Any, layer_worth([0], [0.5], [np.nan])).data) == 1
