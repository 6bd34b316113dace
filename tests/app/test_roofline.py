"""The roofline: the device is measured once, every contender has its place, and measured speeds join in."""

import time
from dataclasses import replace

import pytest

import models
from tests.app import visit
from viz.services import device_peaks, measurements
from viz.services.contenders import Entrant
from viz.services.measurements import Plan, Told

LONGEST_S = 240.0
PEAKS = models.Peaks(100e9, 10e9, "cpu", "float32", 1)


@pytest.fixture(autouse=True)
def quick_peaks(monkeypatch: pytest.MonkeyPatch):
    """Measured anew in each test, in no time."""
    device_peaks._kept.clear()
    monkeypatch.setattr(models, "device_peaks", lambda *_, **__: PEAKS)
    measurements.shelf.clear()
    yield
    device_peaks._kept.clear()
    measurements.shelf.clear()


def open_roofline(**address: object) -> visit.AppTest:
    return over(visit.opened("compare", **{"cost_view": "Roofline", "roof_known": "GPT-2", **address}))


def over(app: visit.AppTest) -> visit.AppTest:
    ends = time.monotonic() + LONGEST_S
    while any(button.key == "cancel-roofline" for button in app.button):
        assert time.monotonic() < ends
        time.sleep(0.3)
        visit.rerun(app)
    return app


def seats(app: visit.AppTest, what: str) -> dict[str, float]:
    """Name to intensity, of the signs in the rows."""
    found = {}
    for trace in visit.figure(app, "roofline")["data"]:
        if trace.get("text") == [what]:
            (found[trace["name"]],) = trace["x"]
    return found


def test_every_contender_and_every_known_model_has_its_place():
    app = open_roofline()
    assert visit.complaints(app) == []
    decode, prefill = seats(app, "decode"), seats(app, "prefill")
    names = {"family-mha", "family-mqa", "family-gqa", "family-mla, absorbed", "GPT-2"}
    assert decode.keys() == prefill.keys() == names
    assert all(decode[name] < prefill[name] for name in names)
    roof = visit.figure(app, "roofline")["data"][0]
    assert roof["x"][1] == 10.0
    assert any("100 GFLOP/s" in note for note in visit.notes(app))
    worked = models.cost("family-mha", 512, 1, models.load("family-mha").dtype)
    assert worked.decode is not None
    assert decode["family-mha"] == pytest.approx(worked.decode.intensity)


def test_more_texts_at_once_move_decoding_right_and_a_smaller_cache_further():
    app = open_roofline()
    one = seats(app, "decode")
    many = seats(over(visit.rerun(app, roof_batch=64)), "decode")
    assert all(many[name] > one[name] for name in one)
    assert many["family-mqa"] / one["family-mqa"] > 2 * many["family-mha"] / one["family-mha"]
    assert app.query_params["roof_batch"] == "64"


def test_what_was_measured_is_a_cross_below_the_roof():
    entrant = Entrant("family-mqa", "family-mqa", "auto", "auto")
    measurements.run(Plan((entrant,), (128,), (1,), new_tokens=8, repeats=1), Told())
    app = open_roofline(roof_context=128, contenders="family-mqa|family-mha")
    crosses = [one for one in visit.figure(app, "roofline")["data"] if one["name"] == "reached"]
    assert len(crosses) == 2
    (point,) = measurements.points(Plan((entrant,), (128,), (1,), 8, 1))
    worked = models.cost("family-mqa", 128, 1, models.load("family-mqa").dtype)
    assert worked.decode is not None
    reached = worked.decode.flops / (point.measured.decode_ms_per_token.median / 1000)
    assert any(cross["y"][0] == pytest.approx(reached) for cross in crosses)


def test_a_context_beyond_some_is_said_and_what_has_no_place_is_told():
    app = open_roofline(roof_context=2048, contenders="family-mqa|minilm|no-such-model")
    assert any("those stand at 512" in note or "512 or" in note for note in visit.notes(app))
    assert any(sentence.startswith("no-such-model: ") for sentence in visit.complaints(app))
    assert set(seats(app, "decode")) == {"family-mqa", "GPT-2"}


def test_a_device_that_cannot_be_measured_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr(models, "device_peaks", fail)
    app = open_roofline()
    (sentence,) = visit.complaints(app)
    assert "out of order" in sentence
    monkeypatch.setattr(models, "device_peaks", lambda *_, **__: PEAKS)
    app = over(visit.click(app, "roof-go"))
    assert visit.complaints(app) == []
    assert seats(app, "decode")


def test_a_device_that_was_busy_is_said(monkeypatch: pytest.MonkeyPatch):
    busy = replace(PEAKS, read_bytes_per_s=20e9, spread=0.6)
    monkeypatch.setattr(models, "device_peaks", lambda *_, **__: busy)
    app = open_roofline()
    assert any("Repeats differed by 60%" in note for note in visit.notes(app))
    assert any("10 GB/s by a copy" in note and "20 GB/s by a sum" in note for note in visit.notes(app))
    roof = visit.figure(app, "roofline")["data"][0]
    assert roof["x"][1] == 100e9 / 20e9
