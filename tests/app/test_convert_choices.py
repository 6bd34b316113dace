"""Page Convert: what may be asked for, what is refused, and what the address keeps."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import models
from models.shape.family import family_name
from tests.app import visit
from tests.app.convert_visit import GQA, TEXT, jobs, open_convert, settle, shown
from tests.sentences import assert_sentence
from viz import services
from viz.services import conversions


def test_what_nobody_chose_stays_out_of_the_address():
    app = open_convert(model=GQA, text=TEXT, layer=2, head=5)
    assert set(app.query_params) == {"model", "text", "layer", "head"}
    other = open_convert(model=GQA, text=TEXT)
    other.slider(key="convert-share").set_value(25)
    settle(visit.rerun(other))
    assert other.query_params["share"] == "25"
    other.slider(key="convert-share").set_value(50)
    settle(visit.rerun(other))
    assert "share" not in other.query_params


def test_a_number_field_keeps_out_as_well(tiny_llama: Path):
    app = open_convert(model=tiny_llama, text=TEXT, way="rank")
    assert "rank" not in app.query_params
    app.number_input(key="convert-size-rank").set_value(9)
    settle(visit.rerun(app))
    assert app.query_params["rank"] == "9"
    assert shown(app).rank == 9


def test_a_live_cache_that_takes_another_size_is_said(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("viz.services.conversion_measures.live_bytes", lambda model: 200.0)
    app = open_convert(model=tiny_llama, text=TEXT + " and four")
    app.session_state["measured_on"] = "the text in the sidebar"
    settle(visit.rerun(app))
    said = visit.complaints(app)
    assert len(said) == 2
    for sentence in said:
        assert_sentence(sentence)
    assert "takes 200 bytes per token, but the formula says 192" in said[1]


def test_a_reload_brings_the_choice_back(tiny_llama: Path):
    app = open_convert(model=tiny_llama, text=TEXT, way="rank", rank=9, layer=1, head=2)
    assert any("A latent of 9 numbers" in note for note in visit.notes(app))
    assert (app.query_params["way"], app.query_params["rank"]) == ("rank", "9")
    settle(visit.rerun(app, way="budget", budget=200))
    assert app.query_params["budget"] == "200"
    assert any("On average 16.7 numbers" in note for note in visit.notes(app))
    assert sum(conversions.converted(shown(app)).geometry.kv_lora_ranks or ()) == 50


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"way": "rank", "rank": 0}, "from 1 to 32, its full rank, but 0 came"),
        ({"way": "rank", "rank": -3}, "but -3 came"),
        ({"way": "rank", "rank": 33}, "but 33 came"),
        ({"way": "budget", "budget": 11}, "from 12 to 384 bytes per token, but a budget of 11 came"),
        ({"convert-source": "my text", "calibration": "the cat sat"}, "needs at least 96"),
        ({"convert-source": "my text", "calibration": " "}, "text is empty"),
    ],
)
def test_what_cannot_be_is_refused_and_the_picture_stays(tiny_llama: Path, typed: dict[str, Any], says: str):
    app = open_convert(model=tiny_llama, text=TEXT, layer=1, head=2)
    earlier = visit.cells(app, "convert-head-after")
    settle(visit.rerun(app, **typed))
    (sentence,) = visit.complaints(app)
    assert_sentence(sentence)
    assert says in sentence
    np.testing.assert_array_equal(visit.cells(app, "convert-head-after"), earlier)
    assert "Below is what was shown before." in visit.notes(app)
    for name, value in typed.items():
        assert app.session_state[name] == value


@pytest.mark.parametrize(
    ("fixture", "says", "offered"),
    [
        ("tiny_bert", "encoder", GQA),
        ("tiny_falcon", "Llama, Mistral and Qwen2", GQA),
        (None, "already, of 128", GQA),
    ],
)
def test_models_that_cannot_be_converted(
    request: pytest.FixtureRequest, fixture: str | None, says: str, offered: str
):
    model = family_name("mla") if fixture is None else request.getfixturevalue(fixture)
    app = open_convert(model=model, text="the cat sat")
    (sentence,) = visit.complaints(app)
    assert_sentence(sentence)
    assert says in sentence
    settle(visit.click(app, "convert-take"))
    assert visit.complaints(app) == []
    assert app.session_state["model"] == offered
    assert visit.part(app, "convert-wall")["atlas"]["heads"] == [8] * 4


def test_a_large_model_waits_for_the_button(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("viz.views.convert.conversion_in_view.AUTOMATIC_S", -1.0)
    app = open_convert(model=tiny_llama, text="never converted with this text")
    assert jobs(app) == []
    assert any("Press Convert" in info for info in visit.infos(app))
    settle(visit.click(app, "convert-go"))
    assert visit.part(app, "convert-wall")["atlas"]["heads"] == [6] * 3


def test_a_decoupled_rotary_key_is_a_choice_with_numbers_of_its_own(tiny_llama: Path):
    app = open_convert(model=tiny_llama, text=TEXT, rope="decoupled", way="rank", rank=20, layer=1, head=2)
    assert visit.complaints(app) == []
    original = services.model(str(tiny_llama), "auto")
    made = models.convert_to_mla(original, 20, rope="decoupled")
    rotary = made.geometry.qk_rope_head_dim or 0
    assert any(
        f"A latent of {20 - rotary} and a rotary key of {rotary} numbers" in note for note in visit.notes(app)
    )
    after = models.capture(made, TEXT).pattern(1, 2).numpy()
    np.testing.assert_allclose(visit.cells(app, "convert-head-after"), after, atol=1e-5)
    line, first, chosen = visit.figure(app, "convert-curve")["data"]
    assert visit.numbers(chosen["x"]) == [20 * 3 * 4]
    assert visit.numbers(chosen["y"]) == pytest.approx([models.measure_perplexity(made).perplexity], rel=1e-3)
    assert visit.numbers(line["y"])[-1] == pytest.approx(
        visit.numbers(first["y"])[0], rel=1e-3
    )  # all of it kept
    assert app.query_params["rope"] == "decoupled"
    assert (
        len(app.button_group(key="way").options) == 2
    )  # a budget is shared out over layers, which here cache alike
    settle(visit.rerun(app, rope="latent"))
    assert "rope" not in app.query_params
    assert any("A latent of 20 numbers" in note for note in visit.notes(app))


def test_a_model_whose_rotary_part_cannot_be_decoupled(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch):
    app = open_convert(model=tiny_llama, text=TEXT, layer=1, head=2)
    earlier = visit.cells(app, "convert-head-after")

    def refused(model: models.AttentionModel) -> None:
        raise models.UnsupportedModel(f"{model.name} has a sliding window: leave it in the latent.")

    monkeypatch.setattr(conversions, "check_decoupled", refused)
    settle(visit.rerun(app, rope="decoupled"))
    (sentence,) = visit.complaints(app)
    assert "leave it in the latent" in sentence
    np.testing.assert_array_equal(visit.cells(app, "convert-head-after"), earlier)


def test_an_own_text_is_what_it_is_fitted_to(tiny_llama: Path):
    app = open_convert(model=tiny_llama, text=TEXT)
    settle(
        visit.rerun(app, **{"convert-source": "my text", "calibration": "def add(a, b): return a + b\n" * 60})
    )
    assert visit.complaints(app) == []
    assert shown(app).fitting.text.startswith("def add")
    assert "calibration" not in app.query_params  # it may be long, and is the visitor's own
    provenance = conversions.converted(shown(app)).module.config.provenance
    assert re.search("given", provenance["calibration"])
