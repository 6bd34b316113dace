"""Page Convert: cancelled, shared with others, written on with, and taken along."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import models
from models.progress import Progress
from tests.app import visit
from tests.app.convert_visit import GQA, PATIENCE_S, TEXT, Loader, jobs, open_convert, settle, shown
from viz import services
from viz.figures.parted_text import first_difference
from viz.services import conversions
from viz.views.convert.use_elsewhere import code


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
    app = visit.opened("convert", model=tiny_llama, text=TEXT, calibration_tokens=2048)
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
    address = {"model": tiny_llama, "text": TEXT, "calibration_tokens": 4096}
    apps = [visit.opened("convert", **address) for _ in range(2)]
    slow.go_on.set()
    for app in apps:
        settle(app)
        assert visit.part(app, "convert-wall")["atlas"]["heads"] == [6] * 3
    assert slow.calls == 1


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
    pattern = visit.cells(app, "convert-head-after")
    visit.click(app, "convert-explore")
    (folder,) = [path for path in (tmp_path / "converted").iterdir() if path.is_dir()]
    assert app.session_state["model"] == str(folder)
    assert folder == conversions.saved(shown(app))  # the same inputs, the same folder
    visit.turn_to(app, "explore")
    visit.rerun(app)
    assert visit.complaints(app) == []
    np.testing.assert_allclose(visit.cells(app), pattern, atol=1e-5)
    visit.turn_to(app, "convert")
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
