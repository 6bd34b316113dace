"""The page on a real model: what stands there at once, and that what is drawn is what the engine says."""

import statistics

import numpy as np
import pytest

import models
from tests.app import visit
from viz import samples, services
from viz.figures.token_text import label

pytestmark = pytest.mark.real

TEXT = "The cat sat on the mat, and the dog sat on the cat."
HEAD = (11, 1)


@pytest.fixture(scope="module")
def run() -> models.Capture:
    """What the engine says by itself about TEXT, apart from the page and its store."""
    return models.capture(models.load(visit.REAL), TEXT)


def test_the_first_view_shows_heads_worth_looking_at():
    app = visit.visit(model=visit.REAL)
    assert visit.complaints(app) == []
    heads = visit.part(app, "wall-decoder")["atlas"]["heads"]
    assert heads == [9] * 30
    shown = services.capture(services.Request(visit.REAL, "auto", samples.DEFAULT.text))
    np.testing.assert_allclose(visit.cells(app), shown.pattern(*visit.chosen_head(app)).numpy(), atol=1e-6)
    assert [entry["text"] for entry in visit.part(app, "tokens-decoder")["queries"]] == list(shown.tokens)
    # The one shown first must be worth looking at: on this text, an induction head.
    assert shown.scores().role(*visit.chosen_head(app)) == "induction"


@pytest.mark.parametrize("scale", ["linear", "square root", "logarithmic"])
def test_the_scale_bends_colours_and_never_the_weights(run: models.Capture, scale: str):
    app = visit.visit(model=visit.REAL, text=TEXT, layer=HEAD[0], head=HEAD[1], scale=scale)
    np.testing.assert_allclose(visit.cells(app), run.pattern(*HEAD).numpy(), atol=1e-6)
    colours = visit.figure(app)["data"][0]["colorscale"]
    assert (len(colours) == 9) == (scale == "linear")


def test_the_wall_holds_every_head_once_the_order_is_changed(run: models.Capture):
    app = visit.visit(model=visit.REAL, text=TEXT, sort="previous_token")
    order = visit.part(app, "wall-decoder")["order"]["indices"]
    assert sorted(order) == list(range(270))
    best = run.scores().values["previous_token"].flatten().argmax().item()
    assert order[0] == best


def test_leaving_out_the_first_token_blanks_its_column_alone(run: models.Capture):
    app = visit.visit(model=visit.REAL, text=TEXT, layer=HEAD[0], head=HEAD[1], first_out=1)
    cells, pattern = visit.cells(app), run.pattern(*HEAD).numpy()
    assert np.isnan(cells[:, 0]).all()
    np.testing.assert_allclose(cells[:, 1:], pattern[:, 1:], atol=1e-6)
    assert visit.figure(app)["data"][0]["zmax"] == pytest.approx(pattern[:, 1:].max())


def test_value_weighted(run: models.Capture):
    app = visit.visit(model=visit.REAL, text=TEXT, layer=HEAD[0], head=HEAD[1], value_weighted=1)
    weighted = run.value_weighted(*HEAD).numpy()
    np.testing.assert_allclose(visit.cells(app), weighted, rtol=1e-5)
    assert not np.allclose(weighted, run.pattern(*HEAD).numpy(), rtol=0.1)
    assert "norm of a·v·W_O" in visit.figure(app)["data"][0]["hovertemplate"]


def test_a_sample_is_run_when_it_is_clicked():
    app = visit.visit(model="minilm", token=3)
    for sample in samples.SAMPLES:
        visit.click(app, f"sample-{sample.title}")
        assert app.text_area(key="text").value == sample.text
        assert app.text_area(key="second").value == sample.second
        assert visit.complaints(app) == []
        shown = services.capture(services.Request("minilm", "auto", sample.text, sample.second))
        assert visit.axes(app) == (visit.names(shown.tokens), visit.names(shown.tokens))


def test_a_pair_of_sentences_is_read_as_one():
    app = visit.visit(model="minilm", text="A man plays a guitar.", second="Someone makes music.")
    rows, columns = visit.axes(app)
    assert rows == columns
    assert [place for place, token in enumerate(rows) if token == "[SEP]"] == [7, len(rows) - 1]


def test_compare_subtracts_the_second_head_from_the_first(run: models.Capture):
    app = visit.visit(model=visit.REAL, text=TEXT, layer=HEAD[0], head=HEAD[1], view="Compare")
    visit.rerun(app, **{"compare-layer-30": 4, "compare-head-9": 7})
    one, other = run.pattern(*HEAD).numpy(), run.pattern(4, 7).numpy()
    np.testing.assert_allclose(visit.cells(app, "compare-first"), one, atol=1e-6)
    np.testing.assert_allclose(visit.cells(app, "compare-second"), other, atol=1e-6)
    np.testing.assert_allclose(visit.cells(app, "compare-difference"), one - other, atol=1e-7)


def test_compare_with_another_text_and_another_model(run: models.Capture):
    app = visit.visit(model=visit.REAL, text=TEXT, layer=HEAD[0], head=HEAD[1], view="Compare")
    visit.rerun(app, **{"compare-way": "another text"})
    visit.rerun(app, **{"compare-text": "one two one two"})
    other = services.capture(services.Request(visit.REAL, "auto", "one two one two"))
    np.testing.assert_allclose(visit.cells(app, "compare-second"), other.pattern(*HEAD).numpy(), atol=1e-6)
    assert any("different tokens" in caption.value for caption in app.caption)
    visit.rerun(app, **{"compare-way": "another model"})
    visit.rerun(app, **{"compare-model": "minilm"})
    assert visit.axes(app, "compare-second")[0][0] == "[CLS]"


def test_rollout(run: models.Capture):
    app = visit.visit(model=visit.REAL, text=TEXT, view="Rollout")
    np.testing.assert_allclose(visit.cells(app, "rollout"), run.rollout().numpy(), atol=1e-6)


def test_the_table_holds_every_head_and_a_row_selects_it(run: models.Capture):
    app = visit.visit(model=visit.REAL, text=TEXT, view="All heads")
    table = app.dataframe[0].value
    assert len(table) == 270
    row = table.iloc[9 * HEAD[0] + HEAD[1]]
    assert row["name"] == "L11 H1"
    assert row["previous_token"] == pytest.approx(run.scores().values["previous_token"][HEAD].item())


def test_candidates_and_a_continuation_that_is_taken_over(run: models.Capture):
    app = visit.visit(model=visit.REAL, text=TEXT, view="Continue")
    assert list(app.dataframe[0].value["token"]) == [
        label(candidate.token, 24) for candidate in run.top_next(12)
    ]
    visit.rerun(app, **{"continue-count": 4})
    visit.click(app, "continue-go")
    (lane,) = app.session_state["_written"][1].lanes
    lane.writing.wait(visit.TIMEOUT_S)
    visit.rerun(app)
    written = "".join(models.stream(services.model(visit.REAL, "auto"), TEXT, 4))
    assert app.code[0].value == written.removeprefix("\n")  # Streamlit's code block drops one
    shown = {metric.label: metric for metric in app.metric}
    held = len(run.tokens) + 3  # the last token is not read any more
    assert shown[f"Cache of {held} tokens"].delta == "as the formula says"
    speed = statistics.median(1 / step.seconds for step in lane.writing.steps[1:])
    assert float(shown["Tokens per second"].value) == pytest.approx(speed, rel=0.01)
    picture = visit.figure(app, "continue-cache")
    size = 4 * 30 * 2 * 3 * 64  # bytes a token: 30 layers of 3 key/value heads, float32
    assert picture["data"][-1]["y"] == [size * (held - 3 + step) for step in range(4)]
    visit.rerun(app, **{"continue-kinds": ["MHA"]})
    assert len(visit.figure(app, "continue-cache")["data"]) == 2
    visit.click(app, "continue-take")
    assert app.text_area(key="text").value == TEXT + written
    assert len(visit.axes(app)[0]) > len(run.tokens)
