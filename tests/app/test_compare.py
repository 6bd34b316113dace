"""The page Compare: what is measured stands on the formulas, and what cannot be measured is said in a sentence."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

import models
from models.measuring.one_at_a_time import TURNS
from tests.app import visit
from tests.sentences import assert_sentence
from viz import heads_off, services
from viz.services import Request, measurements
from viz.services.contenders import Entrant, formula_line
from viz.services.measurements import Cell, Plan, Shelf, Told
from viz.services.removals import removal_of
from viz.views.compare.settings import read_numbers
from viz.views.compare.shape_names import read_shape, shape_name
from viz.views.compare.table import as_csv, as_json

FOUR = "family-mha|family-mqa|family-gqa|family-mla@absorbed"
SMALL = {"contexts": "24", "batches": "1,2", "new_tokens": 8, "repeats": 3}
# DeepSeek-V2 (arXiv 2405.04434), Table 1, worked by hand: numbers of a token x 4 layers x 4 bytes.
BYTES_OF_A_TOKEN = {
    "family-mha": 2 * 8 * 32 * 16,
    "family-mqa": 2 * 32 * 16,
    "family-gqa": 2 * 2 * 32 * 16,
    "family-mla, absorbed": (128 + 16) * 16,
    "family-mla, expanded": (8 * 48 + 8 * 32) * 16,
}
LONGEST_S = 240.0


@pytest.fixture(autouse=True)
def empty_shelf() -> Iterator[None]:
    """No test finds what another has measured."""
    measurements.shelf.clear()
    yield
    measurements.shelf.clear()


def open_compare(**address: object) -> visit.AppTest:
    return visit.opened("compare", **address)


def measured(app: visit.AppTest) -> visit.AppTest:
    """Run pressed, and waited for."""
    return over(visit.click(over(app), "cost-go"))


def over(app: visit.AppTest) -> visit.AppTest:
    """Once nothing is being measured any more."""
    ends = time.monotonic() + LONGEST_S
    while app.button(key="cost-go").disabled:
        assert time.monotonic() < ends
        time.sleep(0.5)
        visit.rerun(app)
    return app


def rows(app: visit.AppTest) -> Any:
    (table,) = [item.value for item in app.dataframe if "by formula" in item.value]
    return table


def lines(app: visit.AppTest) -> dict[str, Any]:
    return {trace["name"]: trace for trace in visit.figure(app, "cost-cache")["data"]}


def numbers(sent: Any) -> list[float]:
    return list(visit.decoded(sent)) if isinstance(sent, dict) else list(sent)


def test_it_opens_on_formula_lines_and_something_measured(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("viz.views.compare.running.UNASKED_S", 1_000)  # also where this machine is slow
    app = over(open_compare())
    shown = lines(app)
    for name in ("family-mha", "family-mqa", "family-gqa", "family-mla, absorbed"):
        line = shown[f"{name}, formula"]
        assert numbers(line["x"]) == [128, 256, 512]  # no longer than the family reads
        assert numbers(line["y"]) == [BYTES_OF_A_TOKEN[name] * tokens for tokens in (128, 256, 512)]
    assert visit.complaints(app) == []
    assert app.query_params == {}
    losses = {trace["name"]: numbers(trace["y"]) for trace in visit.figure(app, "cost-quality")["data"]}
    assert len(losses) == 4
    assert rows(app)["± step %"].notna().all()  # repeated, or it would have no spread to tell
    assert any("4 of 20 cells, median of 3 after a warm-up" in note for note in visit.notes(app))


def test_a_run_measures_every_contender_in_every_cell_exactly_on_its_formula():
    app = measured(open_compare(contenders=f"{FOUR}|family-mla@expanded", **SMALL))
    assert visit.complaints(app) == []
    table = rows(app)
    assert len(table) == 5 * 2
    for row in table.to_dict("records"):
        exact = BYTES_OF_A_TOKEN[row["contender"]] * 24 * row["batch"]
        assert (row["cache"], row["by formula"]) == (exact, exact)
        assert row["ms a step"] > 0
        assert row["tokens/s"] == pytest.approx(1000 * row["batch"] / row["ms a step"])
    for name, each in BYTES_OF_A_TOKEN.items():
        assert numbers(lines(app)[f"{name}, measured"]["y"]) == [each * 24]
    assert "off the formula" not in lines(app)
    assert {len(visit.figure(app, f"cost-{key}")["data"]) for key in ("decode", "prefill", "batch")} == {5}
    said = " ".join(visit.notes(app))
    assert "torch 2" in said
    assert "**71.9%** less" in said  # 1 - 144 / 512: MLA beside MHA, next to what is published
    another = open_compare(contenders="family-mqa", **SMALL)  # finds what was measured on this server
    assert len(rows(another)) == 2


def test_cancelled_and_what_was_measured_before_stays():
    app = measured(open_compare(contenders="family-mqa", **SMALL))
    before = rows(app)
    app = visit.click(visit.rerun(app, repeats=15, new_tokens=16), "cost-go")
    if app.button(key="cost-go").disabled:  # else it was done before a person could have cancelled
        visit.click(app, "cancel-cost")
    over(app)
    assert list(rows(app)["contender"]) == list(before["contender"])


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("-5", "“-5” came"),
        ("0", "from 1 to"),
        ("9" * 30, "from 1 to 1,048,576"),
        ("9" * 5_000, "from 1 to 1,048,576"),  # more digits than Python reads
        ("many", "“many” came"),
        ("1e3", "came"),
    ],
)
def test_a_context_that_is_none_is_refused_and_the_others_stay(typed: str, told: str):
    app = open_compare(contexts=f"24,{typed}", batches="1", contenders="smollm2-135m")
    (sentence,) = visit.complaints(app)
    assert_sentence(sentence)
    assert told in sentence
    assert app.text_input(key="contexts").value == f"24,{typed}"
    assert read_numbers(f"24, {typed}", "context", 2**20).counts == (24,)


def test_a_comma_inside_of_a_number_is_no_context_of_1():
    found = read_numbers("512 1,024", "context", 2**20)
    assert found.counts == (1, 512)
    assert "“024” came" in found.refused[0]


def test_nothing_chosen_is_said():
    app = open_compare(contenders="|")
    assert any("at least one contender" in info for info in visit.infos(app))
    app = open_compare(contexts="x")
    assert any("at least one context" in info for info in visit.infos(app))


def test_a_context_beyond_the_model_s_is_cut_to_it_and_the_page_says_so():
    app = open_compare(contexts="24,8192", batches="1", contenders="family-mqa")
    assert any("family-mqa takes 512 tokens at most" in note for note in visit.notes(app))
    assert Plan((), (24, 8192), (1,), 8, 3).cells(512) == (Cell(24, 1), Cell(512, 1))


def test_what_cannot_be_measured_is_told_and_the_others_are_measured():
    app = measured(open_compare(contenders="family-mqa|no-such-model|minilm|family-gqa@latent", **SMALL))
    said = visit.complaints(app)
    assert {sentence.split(":")[0] for sentence in said} == {"no-such-model", "minilm", "family-gqa, latent"}
    for sentence in said:
        assert sentence.endswith(".")
    assert set(rows(app)["contender"]) == {"family-mqa"}


def test_a_batch_over_the_memory_is_refused_before_anything_runs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("models.free_memory.free_bytes", lambda device: 50_000_000)
    told = Told()
    measurements.run(plan("family-mha", contexts=(512,), batches=(64,)), told)
    (sentence,) = told.sentences
    assert "family-mha" in sentence
    assert "or fewer" in sentence or "fewer texts" in sentence
    assert not measurements.points(plan("family-mha", contexts=(512,), batches=(64,)))


def test_names_that_cannot_be_paths_are_told_once_they_are_asked_for():
    names = [
        "x" * 5_000,
        "~nobody-of-that-name/x",
        "a\0b",
        "random:mha,layers=4096,d_model=64,heads=4,d_head=16",
    ]
    app = measured(open_compare(contenders="|".join(names), **SMALL))
    said = visit.complaints(app)
    assert len(said) == len(names)
    for sentence in said:
        assert sentence.endswith(".")
        assert len(sentence) < 600
    assert any("from 1 to 256, but 4,096 came" in sentence for sentence in said)


def test_a_second_visitor_waits_visibly_and_a_first_one_s_run_outlives_its_page():
    app = over(open_compare(contenders="family-mqa", **SMALL))
    with TURNS.mine(models.no_progress):
        visit.click(app, "cost-go")
        ends = time.monotonic() + LONGEST_S
        while "Another measurement is running" not in visit.part(app, "watch-cost")["message"]:
            assert time.monotonic() < ends
            time.sleep(0.5)
            visit.rerun(app)
    # The visitor has left by now: what was asked for is measured all the same, and the next one finds it.
    ends = time.monotonic() + LONGEST_S
    asked = Plan(
        (Entrant("family-mqa", "family-mqa", "auto", "auto"),), (24,), (1, 2), new_tokens=8, repeats=3
    )
    while len(measurements.points(asked)) < 2:
        assert time.monotonic() < ends
        time.sleep(0.5)


def test_a_run_can_be_cancelled_when_nothing_is_asked_for_any_more():
    app = over(open_compare(contenders="family-mqa", **SMALL))
    with TURNS.mine(models.no_progress):
        visit.click(app, "cost-go")
        visit.rerun(app, contexts="-5")
        assert_sentence(visit.complaints(app)[0])
        visit.click(app, "cancel-cost")
        _, job = app.session_state["_job-cost"]
        assert job.cancelled
    assert not [button for button in app.button if button.key == "cancel-cost"]


def plan(*names: str, contexts: tuple[int, ...] = (24,), batches: tuple[int, ...] = (1,)) -> Plan:
    entrants = tuple(Entrant(name, name, "cpu", "auto") for name in names)
    return Plan(entrants, contexts, batches, new_tokens=8, repeats=1)


def test_a_context_too_short_for_its_new_tokens():
    told = Told()
    measurements.run(plan("family-mqa", contexts=(8,)), told)
    (sentence,) = told.sentences
    assert "leaves no prompt" in sentence


def test_one_that_fails_in_the_middle_leaves_the_others(monkeypatch: pytest.MonkeyPatch):
    real = measurements.measure_in_turn

    def fail(contenders: Any, *given: Any, **named: Any) -> Any:
        if any(one.name == "family-gqa" for one in contenders):
            raise RuntimeError("broken [x](http://a.invalid)")
        return real(contenders, *given, **named)

    monkeypatch.setattr(measurements, "measure_in_turn", fail)
    told, asked = Told(), plan("family-mqa", "family-gqa")
    measurements.run(asked, told)
    (sentence,) = told.sentences
    assert "family-gqa" in sentence
    assert "RuntimeError" in sentence
    assert [point.entrant.label for point in measurements.points(asked)] == ["family-mqa"]


def test_files_hold_every_number_and_where_it_is_from():
    asked = plan("family-mqa")
    measurements.run(asked, Told())
    (point,) = measurements.points(asked)
    (record,) = json.loads(as_json([point]))
    assert record["cache_bytes"] == record["formula_bytes"] == 24 * BYTES_OF_A_TOKEN["family-mqa"]
    assert record["decode_ms_per_token"] == list(point.measured.decode_ms_per_token)
    assert {"processor", "threads", "torch", "transformers", "when", "dtype", "device"} <= record.keys()
    header, row = as_csv([point]).splitlines()
    assert dict(zip(header.split(","), row.split(","), strict=False))["contender"] == "family-mqa"


def test_a_label_of_one_visitor_is_not_shown_to_another():
    asked = plan("family-mqa")
    measurements.run(asked, Told())
    (point,) = measurements.points(asked)
    shelf = Shelf(most=1)
    shelf.put(point)
    other = Entrant("as I call it", "family-mqa", "cpu", "auto")
    found = shelf.get(other, point.cell)
    assert found is not None
    assert found.entrant.label == "as I call it"


def test_a_random_shape_is_added_and_measured():
    app = over(open_compare(contenders="family-mqa", **SMALL))
    sizes = {"layers": 2, "d_model": 64, "heads": 4, "d_head": 16, "kv_heads": 2}
    app.session_state["shape-kind"] = "gqa"
    visit.rerun(app)
    for name, size in sizes.items():
        app.number_input(key=f"shape-size-{name}").set_value(size)
    visit.rerun(app)
    app = measured(visit.click(app, "shape-add"))
    table = rows(app)
    own = table[table["contender"].str.startswith("random GQA 2 x 4, 2 KV")]
    assert list(own["cache"]) == [2 * 2 * 16 * 2 * 4 * 24 * batch for batch in (1, 2)]
    assert list(own["by formula"]) == list(own["cache"])
    shape = read_shape(str(app.query_params["contenders"]).split("|")[1].strip("[]'"))
    assert shape is not None
    assert (shape.kind, shape.layers, shape.kv_heads) == ("gqa", 2, 2)
    assert read_shape(shape_name(shape)) == shape


@pytest.mark.parametrize(
    ("sizes", "why"),
    [
        ({"heads": 9, "kv_heads": 4}, "cannot share"),
        ({"d_model": 50, "heads": 4, "kv_heads": 2}, "no multiple"),
    ],
)
def test_a_shape_that_contradicts_itself_is_refused(sizes: dict[str, int], why: str):
    app = open_compare(contenders="family-mqa", **SMALL)
    app.session_state["shape-kind"] = "gqa"
    visit.rerun(app)
    for name, size in sizes.items():
        app.number_input(key=f"shape-size-{name}").set_value(size)
    visit.rerun(app)
    (sentence,) = visit.complaints(app)
    assert why in sentence
    assert "shape-add" not in {button.key for button in app.button}


def test_a_shape_that_fails_in_a_way_nobody_foresaw_leaves_the_page(monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise KeyError("some_inner_name")

    app = open_compare(contenders="family-mqa", **SMALL)
    monkeypatch.setattr("viz.services.contenders.config_of", fail)
    app.number_input(key="shape-size-layers").set_value(7)
    visit.rerun(app)
    (sentence,) = visit.complaints(app)
    assert_sentence(sentence)
    assert "not foreseen" in sentence


@pytest.mark.parametrize(
    "text", ["random:", "random:mha,layers", "random:mha,layers=-1", "random:xyz,layers=1", "mha"]
)
def test_what_is_no_shape_is_read_as_none(text: str):
    assert read_shape(text) is None


def test_heads_off_in_prune_are_offered_as_a_smaller_model():
    app = measured(
        open_compare(model="family-mha", off="0.0-3,1.0-3", contenders="family-mha|pruned", **SMALL)
    )
    assert visit.complaints(app) == []
    table = rows(app).set_index(["contender", "batch"])
    whole, less = table.loc[("family-mha", 1), "cache"], table.loc[("family-mha less 8 heads", 1), "cache"]
    assert less == whole * 24 / 32  # 8 of 32 heads and their keys and values are gone
    off = heads_off.read("0.0-3,1.0-3")
    assert (
        removal_of(Request("family-mha", "auto", ""), "decoder", off) in services.model_store()
    )  # Prune's own


@pytest.mark.parametrize("name", ["classic-soft", "classic-memory"])
def test_what_keeps_no_keys_and_values_has_no_formula_line(name: str):
    assert formula_line(Entrant(name, name, "cpu", "float32", "auto"), (128, 256)) == ()
