"""The page Convert: a model becomes MLA, every number is the engine's own, and nothing bad happens to the original."""

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import models
from models.family import family_name
from models.progress import Progress
from tests.app import visit
from tests.sentences import assert_sentence
from viz import services
from viz.figures.parted_text import first_difference
from viz.services import conversions
from viz.views.convert.use import code

GQA = family_name("gqa")
TEXT = "one two three four one two three four one two three"
PATIENCE_S = 120
Loader = Callable[[str], models.AttentionModel]


def open_convert(**address: object) -> visit.AppTest:
    """The page opened at an address with these parameters, and its work done."""
    app = visit.AppTest.from_file(str(visit.APP), default_timeout=visit.TIMEOUT_S)
    app.switch_page("viz/pages/convert.py")
    for name, value in address.items():
        app.query_params[name] = str(value)
    return settle(visit.rerun(app))


def jobs(app: visit.AppTest) -> list[Any]:
    names = [f"_job-{name}" for name in ("convert", "measure")]
    return [app.session_state[name][1] for name in names if name in app.session_state]


def settle(app: visit.AppTest) -> visit.AppTest:
    """Run again, as the page itself does, until nothing works in the background and nothing new is begun."""
    for _ in range(6):
        done = jobs(app)
        for job in done:
            job.wait(PATIENCE_S)
        if "_convert_written" in app.session_state:
            for lane in app.session_state["_convert_written"][1].strip.lanes:
                lane.writing.wait(PATIENCE_S)
        visit.rerun(app)
        if all(any(job is known for known in done) for job in jobs(app)):
            return app
    raise AssertionError("the page's work does not come to an end")


@pytest.fixture(scope="module")
def app() -> visit.AppTest:
    """A visitor whom no test may lead elsewhere."""
    return open_convert(model=GQA, text=TEXT, layer=2, head=5)


@pytest.fixture(scope="module")
def small(load_once: Loader) -> models.AttentionModel:
    """What the engine makes by itself, apart from the page and its stores: half of the cache."""
    return models.convert_to_mla(load_once(GQA), 64)


@pytest.fixture(scope="module")
def before(load_once: Loader) -> models.Capture:
    return models.capture(load_once(GQA), TEXT)


def test_it_opens_on_a_conversion_with_nothing_pressed(app: visit.AppTest):
    assert visit.complaints(app) == []
    told = " ".join(visit.notes(app))
    assert (
        "A latent of 64 numbers per token and layer in place of 128: **1,024 bytes** per token instead of 2,048"
        in told
    )
    assert "50%" in told
    assert "*formula*" in told
    assert app.slider(key="convert-share").value == 50
    assert app.button(key="convert-go").disabled


def test_patterns_before_and_after_are_the_engine_s(
    app: visit.AppTest, before: models.Capture, small: models.AttentionModel
):
    after = models.capture(small, TEXT)
    was, now = (run.pattern(2, 5).numpy() for run in (before, after))
    np.testing.assert_allclose(visit.cells(app, "convert-before"), was, atol=1e-6)
    np.testing.assert_allclose(visit.cells(app, "convert-after"), now, atol=1e-5)
    np.testing.assert_allclose(visit.cells(app, "convert-difference"), now - was, atol=1e-5)
    moved = 0.5 * np.abs(now - was).sum(-1).mean()
    assert moved > 0.01
    assert any(text.value.startswith("#### L2 H5") and f"{moved:.1%}" in text.value for text in app.markdown)


def test_the_wall_is_sorted_by_what_changed(
    app: visit.AppTest, before: models.Capture, small: models.AttentionModel
):
    after = models.capture(small, TEXT)
    moved = [
        0.5 * (before.pattern(layer, head) - after.pattern(layer, head)).abs().sum(-1).mean().item()
        for layer in range(4)
        for head in range(8)
    ]
    wall = visit.part(app, "convert-wall")
    assert wall["selection"]["value"] == [2, 5]
    np.testing.assert_allclose(wall["order"]["values"], moved, rtol=0.02, atol=1e-6)
    assert wall["order"]["indices"][0] == int(np.argmax(moved))


def test_where_no_head_was_chosen_the_one_that_changed_most_is_shown(small: models.AttentionModel):
    app = open_convert(model=GQA, text=TEXT)
    wall = visit.part(app, "convert-wall")
    assert wall["selection"]["value"] == list(divmod(wall["order"]["indices"][0], 8))
    assert visit.chosen_head(app) == divmod(wall["order"]["indices"][0], 8)


def numbers(sent: Any) -> list[float]:
    return (visit.decoded(sent) if isinstance(sent, dict) else np.array(sent, dtype=float)).tolist()


def test_the_curve_is_measured_and_its_bytes_are_the_formula(
    app: visit.AppTest, load_once: Loader, small: models.AttentionModel
):
    line, original, chosen = visit.figure(app, "convert-curve")["data"]
    # 2 KV heads x 2 x 32 = 128 numbers of 4 bytes in each of 4 layers, and what 25 to 100% of them are
    assert numbers(line["x"]) == [16 * rank for rank in (32, 42, 64, 86, 106, 128)]
    assert numbers(original["x"]) == [2048]
    assert numbers(chosen["x"]) == [1024]
    truth = models.measure_perplexity(load_once(GQA)).perplexity
    halved = models.measure_perplexity(small).perplexity
    assert numbers(original["y"]) == pytest.approx([truth], rel=1e-4)
    assert numbers(line["y"])[-1] == pytest.approx(truth, rel=1e-3)  # exact at full rank
    assert numbers(chosen["y"]) == pytest.approx([halved], rel=1e-3)
    assert numbers(line["y"])[2] == pytest.approx(halved, rel=1e-3)
    assert halved > truth
    perplexity = next(metric for metric in app.metric if metric.label == "Perplexity")
    assert perplexity.value == f"{halved:.3g}"
    assert any("*Measured* on" in note and "held-out" in note for note in visit.notes(app))
    # What 16 tokens take in a live cache of the converted model, as transformers fills it: 64 numbers of 4 bytes, 4 layers.
    given = models.load(GQA).tokenizer("one two three", return_tensors="pt")
    kept = small.module(**given, use_cache=True).past_key_values
    held = sum(layer.keys.nbytes + layer.values.nbytes for layer in kept.layers)
    assert held / given["input_ids"].shape[1] == 1024
    assert "*Formula*; *measured* 1,024 B" in visit.notes(app)


def test_measured_on_the_visitor_s_text(load_once: Loader):
    app = open_convert(model=GQA, text=TEXT)
    app.session_state["measured_on"] = "the text in the sidebar"
    settle(visit.rerun(app))
    truth = models.token_loss(load_once(GQA), TEXT)[1:].mean().exp().item()
    assert numbers(visit.figure(app, "convert-curve")["data"][1]["y"]) == pytest.approx([truth], rel=1e-3)


def test_half_of_what_is_exact_is_shown_first_where_d_model_is_the_limit():
    """MHA: 512 numbers are all made from d_model 256, so from 50% of the cache on nothing is lost."""
    app = open_convert(model=family_name("mha"), text=TEXT)
    assert (app.slider(key="convert-share").value, app.slider(key="convert-share").max) == (25, 50)
    assert any(
        "A latent of 128 numbers per token and layer in place of 512" in note for note in visit.notes(app)
    )
    settle(visit.rerun(app, share=50))
    assert any("This is exact." in note for note in visit.notes(app))
    assert np.abs(visit.cells(app, "convert-difference")).max() < 1e-4


def test_what_nobody_chose_stays_out_of_the_address(app: visit.AppTest):
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
    app.number_input(key="convert-rank").set_value(9)
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


def shown(app: visit.AppTest) -> conversions.Conversion:
    """The conversion in view."""
    return app.session_state["_last_conversion"][0]


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
    earlier = visit.cells(app, "convert-after")
    settle(visit.rerun(app, **typed))
    (sentence,) = visit.complaints(app)
    assert_sentence(sentence)
    assert says in sentence
    np.testing.assert_array_equal(visit.cells(app, "convert-after"), earlier)
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


class Slow:
    """`models.latent_spectra`, which stands still until it is told to go on."""

    def __init__(self) -> None:
        self.calls = 0
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.real = models.latent_spectra

    def __call__(
        self, *given: Any, progress: Progress = models.no_progress, **named: Any
    ) -> models.LatentSpectra:
        self.calls += 1
        self.begun.set()
        assert self.go_on.wait(PATIENCE_S)
        return self.real(*given, progress=progress, **named)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    made = Slow()
    monkeypatch.setattr("models.latent_spectra", made)
    return made


def test_a_cancelled_conversion_leaves_the_original_as_it_was(tiny_llama: Path, slow: Slow):
    original = services.model(str(tiny_llama), "auto")
    weights = {name: tensor.clone() for name, tensor in original.module.state_dict().items()}
    app = visit.AppTest.from_file(str(visit.APP), default_timeout=visit.TIMEOUT_S)
    app.switch_page("viz/pages/convert.py")
    address = {"model": str(tiny_llama), "text": TEXT, "calibration_tokens": "2048"}
    for name, value in address.items():
        app.query_params[name] = value
    visit.rerun(app)
    assert slow.begun.wait(PATIENCE_S)
    visit.click(app, "cancel-convert")
    visit.rerun(app)
    assert any("Cancelled" in info for info in visit.infos(app))
    slow.go_on.set()
    (job,) = jobs(app)
    job.wait(PATIENCE_S)
    assert job.result is None
    after = original.module.state_dict()
    assert after.keys() == weights.keys()
    assert all((after[name] == tensor).all() for name, tensor in weights.items())
    settle(visit.click(app, "convert-go"))
    assert visit.complaints(app) == []
    assert slow.calls == 2
    assert visit.part(app, "convert-wall")["atlas"]["heads"] == [6] * 3


def test_two_who_ask_for_the_same_wait_for_one_computation(tiny_llama: Path, slow: Slow):
    apps = []
    for _ in range(2):
        app = visit.AppTest.from_file(str(visit.APP), default_timeout=visit.TIMEOUT_S)
        app.switch_page("viz/pages/convert.py")
        for name, value in {"model": str(tiny_llama), "text": TEXT, "calibration_tokens": "4096"}.items():
            app.query_params[name] = value
        apps.append(visit.rerun(app))
    slow.go_on.set()
    for app in apps:
        settle(app)
        assert visit.part(app, "convert-wall")["atlas"]["heads"] == [6] * 3
    assert slow.calls == 1


def test_a_large_model_waits_for_the_button(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("viz.views.convert.made.AUTOMATIC_S", -1.0)
    app = open_convert(model=tiny_llama, text="never converted with this text")
    assert jobs(app) == []
    assert any("Press Convert" in info for info in visit.infos(app))
    settle(visit.click(app, "convert-go"))
    assert visit.part(app, "convert-wall")["atlas"]["heads"] == [6] * 3


def test_both_write_on_as_the_engine_does(load_once: Loader):
    original = load_once(GQA)
    eighth = models.convert_to_mla(original, 16)
    written = ["".join(models.stream(model, TEXT, 40)) for model in (original, eighth)]
    assert written[0] != written[1]
    app = open_convert(model=GQA, text=TEXT, way="rank", rank=16)
    lanes = app.session_state["_convert_written"][1].strip.lanes
    both = [lane.writing.pieces for lane in lanes]
    assert ["".join(pieces) for pieces in both] == written
    parting = first_difference(*both)
    assert any(f"share {parting} tokens" in text.value or parting == 0 for text in app.markdown)
    for lane, numbers in zip(lanes, (2 * 2 * 32, 16), strict=True):  # that a layer keeps of a token
        last = lane.writing.steps[-1]
        assert last.cache.used == 4 * numbers * last.tokens * original.dtype.itemsize


@pytest.mark.parametrize(
    ("first", "second", "place"),
    [
        ("abc", "abd", 2),
        ("abc", "abc", None),
        ("ab", "abc", 2),
        ("", "a", 0),
        ("", "", None),
        ("xa", "ya", 0),
    ],
)
def test_the_first_difference(first: str, second: str, place: int | None):
    assert first_difference(first, second) == place


def test_it_becomes_a_model_like_any_other(tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HEADLIGHT_CACHE", str(tmp_path))
    app = open_convert(model=tiny_llama, text=TEXT, layer=1, head=2, convert_view="Use it")
    pattern = visit.cells(app, "convert-after")
    visit.click(app, "convert-explore")
    (folder,) = [path for path in (tmp_path / "converted").iterdir() if path.is_dir()]
    assert app.session_state["model"] == str(folder)
    assert folder == conversions.saved(shown(app))  # the same inputs, the same folder
    app.switch_page("viz/pages/explore.py")
    visit.rerun(app)
    assert visit.complaints(app) == []
    np.testing.assert_allclose(visit.cells(app), pattern, atol=1e-5)
    app.switch_page("viz/pages/convert.py")
    visit.rerun(app)
    (sentence,) = visit.complaints(app)
    assert "caches latents already" in sentence
    settle(visit.click(app, "convert-take"))
    assert app.session_state["model"] == str(tiny_llama)


@pytest.mark.parametrize("size", [{"rank": 11}, {"budget": 200}, {"rank": 20, "rope": "decoupled"}])
def test_the_code_for_a_notebook_makes_the_same_model(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: dict[str, Any]
):
    conversion = conversions.Conversion(
        conversions.Fitting(str(tiny_llama), "auto", "auto", "", 1024), **size
    )
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(code(conversion), names)
    wanted = conversions.converted(conversion).module.state_dict()
    made = models.load("small").module.state_dict()
    assert all((wanted[name] == tensor).all() for name, tensor in made.items())


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
    np.testing.assert_allclose(visit.cells(app, "convert-after"), after, atol=1e-5)
    line, first, chosen = visit.figure(app, "convert-curve")["data"]
    assert numbers(chosen["x"]) == [20 * 3 * 4]
    assert numbers(chosen["y"]) == pytest.approx([models.measure_perplexity(made).perplexity], rel=1e-3)
    assert numbers(line["y"])[-1] == pytest.approx(numbers(first["y"])[0], rel=1e-3)  # all of it kept
    assert app.query_params["rope"] == "decoupled"
    assert (
        len(app.button_group(key="way").options) == 2
    )  # a budget is shared out over layers, which here cache alike
    settle(visit.rerun(app, rope="latent"))
    assert "rope" not in app.query_params
    assert any("A latent of 20 numbers" in note for note in visit.notes(app))


def test_a_model_whose_rotary_part_cannot_be_decoupled(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch):
    app = open_convert(model=tiny_llama, text=TEXT, layer=1, head=2)
    earlier = visit.cells(app, "convert-after")

    def refused(model: models.AttentionModel) -> None:
        raise models.UnsupportedModel(f"{model.name} has a sliding window: leave it in the latent.")

    monkeypatch.setattr(conversions, "check_decoupled", refused)
    settle(visit.rerun(app, rope="decoupled"))
    (sentence,) = visit.complaints(app)
    assert "leave it in the latent" in sentence
    np.testing.assert_array_equal(visit.cells(app, "convert-after"), earlier)


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
