"""The page Formation: what stands there at once, what is kept in the address, and what is told when a record is missing."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from models.shape import family
from models.shape.attention_geometry import Kind
from tests.app import visit
from tests.formations import formation
from viz.views.formation import records

SEEDS: dict[Kind, int] = {kind: 3 + place for place, kind in enumerate(family.KINDS)}


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A record of each of the four, where the shipped ones would lie."""
    for kind, seed in SEEDS.items():
        folder = tmp_path / family.family_name(kind)
        folder.mkdir()
        formation(kind, seed=seed).save(folder / records.FILE)
    monkeypatch.setattr(records, "WEIGHTS", tmp_path)
    return tmp_path


def opened(**address: object) -> AppTest:
    """The page opened at an address with these parameters."""
    return visit.opened("formation", **address)


def shown(app: AppTest) -> list[int]:
    """Record, layer and head that the browser is told to show."""
    return visit.part(app, "formation")["selection"]["value"]


def test_the_end_of_the_first_training_is_shown_without_a_press(weights: Path):
    app = opened()
    assert visit.complaints(app) == []
    part = visit.part(app, "formation")
    record = formation("mha", seed=SEEDS["mha"])
    best, whose = record.strongest("induction")
    assert part["kind"] == "mha"
    assert shown(app) == [3, *whose[-1]]
    assert [curve["kind"] for curve in part["curves"]] == list(family.KINDS)
    assert part["curves"][0]["best"]["induction"][-1] == pytest.approx(best[-1], rel=1e-3)
    assert part["probe"] == ["a", " ü", "<F0>"]
    assert any("measured" in note for note in visit.notes(app))


def test_kind_step_and_head_are_read_from_the_address_and_kept_in_it(weights: Path):
    app = opened(kind="mla", step=10, layer=1, head=4)
    assert visit.part(app, "formation")["kind"] == "mla"
    assert shown(app) == [2, 1, 4]
    assert dict(app.query_params) == {"kind": "mla", "step": "10", "layer": "1", "head": "4"}


def test_another_kind_keeps_step_and_head(weights: Path):
    app = visit.rerun(opened(kind="mla", step=3, layer=2, head=0), kind="gqa")
    part = visit.part(app, "formation")
    assert part["kind"] == "gqa"
    assert shown(app) == [1, 2, 0]
    assert app.query_params["kind"] == "gqa"


@pytest.mark.parametrize("address", [{"kind": "rnn"}, {"step": "x"}, {"layer": 99, "head": 99}])
def test_an_address_that_means_nothing_does_no_harm(weights: Path, address: dict):
    record, layer, head = shown(opened(**address))
    assert (record, layer < 3, head < 5) == (3, True, True)


def test_a_missing_and_a_broken_record_are_told_and_the_others_shown(weights: Path):
    (weights / "family-mha" / records.FILE).unlink()
    (weights / "family-gqa" / records.FILE).write_bytes(b"PK no zip")
    formation("mla", records=0).save(weights / "family-mla" / records.FILE)
    app = opened()
    told = visit.infos(app)
    assert [sentence.split()[0] for sentence in told] == ["MHA", "GQA", "MLA"]
    assert "no record of its training" in told[0]
    assert "damaged" in told[1]
    assert "holds no record yet" in told[2]
    part = visit.part(app, "formation")
    assert part["kind"] == "mqa"
    assert [curve["kind"] for curve in part["curves"]] == ["mqa"]


def test_without_any_record_the_page_says_so_and_stands(weights: Path):
    for kind in SEEDS:
        (weights / family.family_name(kind) / records.FILE).unlink()
    app = opened()
    assert len(visit.infos(app)) == 4
    assert not app.get("bidi_component")


def test_a_newer_record_is_read(weights: Path):
    assert len(visit.part(opened(), "formation")["curves"][0]["steps"]) == 4
    formation("mha", 5, seed=9).save(weights / "family-mha" / records.FILE)
    assert len(visit.part(opened(), "formation")["curves"][0]["steps"]) == 5


def test_that_no_induction_head_grew_is_said(weights: Path):
    """Of the kind in whose record no head reaches what a role is named after, and of no other."""
    assert not [caption for caption in opened().caption if "No head of" in caption.value]
    faint = formation("mqa", 5)
    faint.scores["induction"][:] *= 0.2
    faint.save(weights / "family-mqa" / records.FILE)
    told = [caption.value for caption in opened().caption if "No head of" in caption.value]
    assert len(told) == 1
    assert "No head of MQA had" in told[0]
