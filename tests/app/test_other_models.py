"""Every view on every kind of model: drawn, or one sentence on why not; never an exception."""

from pathlib import Path

import numpy as np
import pytest

import models
from tests.app import visit
from tests.sentences import assert_sentence
from viz import services
from viz.pages.explore import VIEWS
from viz.views.explore.bertviz import VIEWS as BERTVIZ_VIEWS
from viz.views.explore.compare import WAYS

SOURCE, TARGET = "The cat sat on the mat.", "one two three"


def open_every_view(app: visit.AppTest) -> list[str]:
    """All views, and what is inside of them, one after another; what they say instead of drawing."""
    said = []
    settings = [{"view": view} for view in VIEWS]
    settings += [{"view": "BertViz", "bertviz-view": view} for view in BERTVIZ_VIEWS]
    settings += [{"view": "Compare", "compare-way": way} for way in WAYS]
    settings += [{"value_weighted": True, "view": view} for view in ("Compare", "Download")]
    for setting in settings:
        if setting.get("view") != "BertViz":
            visit.rerun(app, view=setting["view"])
        visit.rerun(app, **setting)
        assert not app.error, setting
        said += visit.complaints(app) + visit.infos(app)
    return said


@pytest.mark.real
@pytest.mark.parametrize(
    "address",
    [
        {"model": visit.REAL, "text": SOURCE},
        {"model": "minilm", "text": SOURCE},
        {"model": "minilm", "text": SOURCE, "second": TARGET},
    ],
    ids=["decoder", "encoder", "sentence pair"],
)
def test_every_view_of_the_real_models(address: dict[str, str]):
    for sentence in open_every_view(visit.visit(**address)):
        assert_sentence(sentence)


@pytest.mark.parametrize("stack", ["encoder", "decoder", "cross"])
def test_every_view_of_an_encoder_decoder(tiny_t5: Path, stack: str):
    app = visit.visit(model=tiny_t5, text=SOURCE, second=TARGET, stack=stack)
    for sentence in open_every_view(app):
        assert_sentence(sentence)


@pytest.mark.parametrize("stack", ["encoder", "decoder", "cross"])
def test_each_stack_has_its_own_tokens_on_its_axes(tiny_t5: Path, stack: str):
    app = visit.visit(model=tiny_t5, text=SOURCE, second=TARGET, stack=stack, layer=1, head=2)
    run = models.capture(services.model(str(tiny_t5), "auto"), source=SOURCE, target=TARGET)
    source, target = visit.names(run.source_tokens), visit.names(run.target_tokens)
    assert len(source) != len(target)
    expected = {"encoder": (source, source), "decoder": (target, target), "cross": (target, source)}[stack]
    assert visit.axes(app) == expected
    np.testing.assert_allclose(visit.cells(app), run.pattern(1, 2, stack).numpy(), atol=1e-6)
    layers = {"encoder": 2, "decoder": 3, "cross": 3}[stack]
    assert visit.part(app, f"wall-{stack}")["atlas"]["heads"] == [5] * layers


def test_the_encoder_decoder_writes_a_target_where_none_was_given(tiny_t5: Path):
    app = visit.visit(model=tiny_t5, text=SOURCE, stack="decoder")
    run = models.capture(services.model(str(tiny_t5), "auto"), source=SOURCE, max_tokens=512)
    assert visit.axes(app)[0] == visit.names(run.target_tokens)


def test_a_class_with_its_own_attention_is_shown_with_notes(tiny_falcon: Path):
    app = visit.visit(model=tiny_falcon, text=SOURCE)
    assert any("computes its attention itself" in note for note in visit.notes(app))
    run = services.capture(services.Request(str(tiny_falcon), "auto", SOURCE))
    np.testing.assert_allclose(visit.cells(app), run.pattern(*visit.chosen_head(app)).numpy(), atol=1e-6)
    said = open_every_view(app)
    assert any("queries, keys and values cannot be shown" in sentence for sentence in said)
    assert any("value-weighted attention is not defined" in sentence for sentence in said)


def test_value_weighted_that_is_not_defined_leaves_the_plain_weights(tiny_falcon: Path):
    app = visit.visit(model=tiny_falcon, text=SOURCE, value_weighted=1)
    assert len(visit.complaints(app)) == 1
    assert_sentence(visit.complaints(app)[0])
    assert visit.cells(app).sum(1) == pytest.approx(1.0, abs=1e-5)
    assert "weight" in visit.figure(app)["data"][0]["hovertemplate"]
    assert "W_O" not in visit.figure(app)["data"][0]["hovertemplate"]
