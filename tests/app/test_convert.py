"""The page Convert: a model becomes MLA, every number is the engine's own, and nothing bad happens to the original."""

import numpy as np
import pytest

import models
from models.run.model import demand_tokenizer
from models.shape.family import family_name
from tests.app import visit
from tests.app.convert_visit import GQA, TEXT, Loader, open_convert, settle


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
    np.testing.assert_allclose(visit.cells(app, "convert-head-before"), was, atol=1e-6)
    np.testing.assert_allclose(visit.cells(app, "convert-head-after"), now, atol=1e-5)
    np.testing.assert_allclose(visit.cells(app, "convert-difference"), now - was, atol=1e-5)
    moved = 0.5 * np.abs(now - was).sum(-1).mean()
    assert moved > 0.01
    (title,) = [text.value for text in app.markdown if text.value.startswith("#### L2 H5")]
    assert visit.number_in(title, r"([\d.]+)% of its attention moved") == pytest.approx(
        100 * moved, abs=0.051
    )


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


def test_the_curve_is_measured_and_its_bytes_are_the_formula(
    app: visit.AppTest, load_once: Loader, small: models.AttentionModel
):
    line, original, chosen = visit.figure(app, "convert-curve")["data"]
    # 2 KV heads x 2 x 32 = 128 numbers of 4 bytes in each of 4 layers, and what 25 to 100% of them are
    assert visit.numbers(line["x"]) == [16 * rank for rank in (32, 42, 64, 86, 106, 128)]
    assert visit.numbers(original["x"]) == [2048]
    assert visit.numbers(chosen["x"]) == [1024]
    truth = models.measure_perplexity(load_once(GQA)).perplexity
    halved = models.measure_perplexity(small).perplexity
    assert visit.numbers(original["y"]) == pytest.approx([truth], rel=1e-4)
    assert visit.numbers(line["y"])[-1] == pytest.approx(truth, rel=1e-3)  # exact at full rank
    assert visit.numbers(chosen["y"]) == pytest.approx([halved], rel=1e-3)
    assert visit.numbers(line["y"])[2] == pytest.approx(halved, rel=1e-3)
    assert halved > truth
    perplexity = next(metric for metric in app.metric if metric.label == "Perplexity")
    assert float(perplexity.value) == pytest.approx(halved, rel=visit.THREE_DIGITS)
    assert any("*Measured* on" in note and "held-out" in note for note in visit.notes(app))
    # What 16 tokens take in a live cache of the converted model, as transformers fills it: 64 numbers of 4 bytes, 4 layers.
    given = demand_tokenizer(models.load(GQA))("one two three", return_tensors="pt")
    kept = small.module(**given, use_cache=True).past_key_values
    held = sum(layer.keys.nbytes + layer.values.nbytes for layer in kept.layers)
    assert held / given["input_ids"].shape[1] == 1024
    assert "*Formula*; *measured* 1,024 B" in visit.notes(app)


def test_measured_on_the_visitor_s_text(load_once: Loader):
    app = open_convert(model=GQA, text=TEXT)
    app.session_state["measured_on"] = "the text in the sidebar"
    settle(visit.rerun(app))
    truth = models.token_loss(load_once(GQA), TEXT)[1:].mean().exp().item()
    assert visit.numbers(visit.figure(app, "convert-curve")["data"][1]["y"]) == pytest.approx(
        [truth], rel=1e-3
    )


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
