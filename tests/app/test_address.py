"""The address of the page: a sent link shows the same, a bad one shows what it can, and nothing in it does harm."""

from pathlib import Path

import pytest

from tests.app import visit
from viz import samples
from viz.state.session import LONGEST_URL_TEXT

TEXT = "one two three one two three"


@pytest.fixture
def address(tiny_llama: Path) -> dict[str, object]:
    return {"model": str(tiny_llama), "text": TEXT}


def test_a_link_brings_everything_back(address: dict[str, object]):
    address |= {
        "layer": 2, "head": 5, "token": 3, "direction": "looked at by", "scale": "linear", "first_out": 1,
        "value_weighted": 1, "sort": "induction", "view": "Rollout", "limit": 128,
    }  # fmt: skip
    app = visit.visit(**address)
    assert visit.chosen_head(app) == (2, 5)
    assert app.text_area(key="text").value == TEXT
    assert app.select_slider(key="limit").value == 128
    assert app.selectbox(key="sort").value == "induction"
    assert [toggle.value for toggle in app.toggle] == [True, True]
    assert visit.part(app, "tokens-decoder")["selection"]["value"] == [3, "looked at by"]
    assert visit.figure(app, "rollout")["data"][0]["zmax"] < 1
    # What stands in the address after the run is what was asked for, so that it can be sent on.
    assert {name: app.query_params[name] for name in address} == {
        name: str(value) for name, value in address.items()
    }


def test_what_a_visitor_changes_goes_into_the_address(address: dict[str, object]):
    app = visit.visit(**address)
    visit.rerun(app, text="one two", scale="logarithmic", layer=1, head=0)
    assert app.query_params["text"] == "one two"
    assert app.query_params["scale"] == "logarithmic"
    assert (app.query_params["layer"], app.query_params["head"]) == ("1", "0")
    visit.rerun(app, scale="square root")
    assert "scale" not in app.query_params  # a default needs no mention


def test_the_bare_page_has_a_bare_address():
    app = visit.visit(model="minilm")
    assert set(app.query_params) == {"model"}


def test_a_very_long_text_stays_out_of_the_address(address: dict[str, object]):
    app = visit.visit(**address | {"text": "x " * LONGEST_URL_TEXT})
    assert "text" not in app.query_params


@pytest.mark.parametrize(
    "bad",
    [
        {"layer": "-1", "head": "x"},
        {"layer": "1e3", "head": ""},
        {"scale": "rainbow"},
        {"scale": ""},
        {"first_out": "yes", "value_weighted": "2"},
        {"limit": "7"},
        {"limit": "999999999"},
        {"direction": "<script>alert(1)</script>"},
        {"device": "cuda:99"},
        {"device": "<b>"},
        {"sort": "__class__"},
        {"view": "../../etc/passwd"},
        {"stack": "cross"},
        {"token": "-5"},
        {"no-such-name": "x", "_last_good_request": "x", "FormSubmitter": "x"},
    ],
    ids=str,
)
def test_nonsense_in_the_address_is_left_aside(address: dict[str, object], bad: dict[str, str]):
    plain, app = visit.visit(**address), visit.visit(**address, **bad)
    assert visit.complaints(app) == []
    assert visit.chosen_head(app) == visit.chosen_head(plain)
    assert visit.figure(app) == visit.figure(plain)
    assert app.session_state["device"] == "auto"
    assert app.session_state["limit"] == 512
    assert app.session_state["sort"] == "layer"
    assert app.session_state["view"] == plain.session_state["view"]


@pytest.mark.parametrize(
    ("asked", "shown"), [(("99", "99"), (2, 5)), (("1" * 40, "0"), (2, 0)), (("0", "6"), (0, 5))]
)
def test_a_head_that_this_model_lacks_is_moved_inside(
    address: dict[str, object], asked: tuple[str, str], shown: tuple[int, int]
):
    app = visit.visit(**address, layer=asked[0], head=asked[1], token="99999")
    assert visit.chosen_head(app) == shown
    tokens = visit.part(app, "tokens-decoder")
    assert tokens["selection"]["value"][0] == len(tokens["queries"]) - 1


def test_a_name_given_twice_counts_once(address: dict[str, object]):
    app = visit.AppTest.from_file(str(visit.APP), default_timeout=visit.TIMEOUT_S)
    app.query_params["model"] = str(address["model"])
    app.query_params["text"] = ["one", "two"]
    visit.rerun(app)
    assert app.text_area(key="text").value in ("one", "two")


def test_two_visitors_do_not_see_each_other(address: dict[str, object]):
    one, other = visit.visit(**address, layer=0, head=1), visit.visit(**address | {"text": "def add"})
    visit.rerun(other, layer=2, head=3)
    visit.rerun(one)
    assert (visit.chosen_head(one), visit.chosen_head(other)) == ((0, 1), (2, 3))
    assert one.text_area(key="text").value == TEXT
    assert len(visit.axes(one)[0]) != len(visit.axes(other)[0])


def test_the_default_text_is_one_of_the_samples():
    assert samples.DEFAULT in samples.SAMPLES
