"""Healing on the page Convert: what is started, what is told of it, what it won."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import models
from models.errors import BadText
from tests.app import visit
from tests.app.test_convert import TEXT, open_convert, settle
from tests.sentences import assert_sentence
from viz.services import conversions


@dataclass
class Run:
    """A healing run that does what the test says."""

    folder: Path | None = None
    progress: models.HealingProgress = field(default_factory=models.HealingProgress)
    losses: tuple[tuple[int, float], ...] = ()
    running: bool = True
    stops: int = 0

    def stop(self) -> None:
        self.stops += self.running

    def wait(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.02))


@dataclass
class Started:
    """In place of models.start_healing: keeps what it was given."""

    run: Run = field(default_factory=Run)
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)

    def __call__(self, *given: Any, **named: Any) -> Run:
        self.calls.append((given, named))
        return self.run


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Started:
    made = Started()
    monkeypatch.setattr("models.start_healing", made)
    monkeypatch.setenv("HEADLIGHT_CACHE", str(tmp_path))
    return made


def healed(app: AppTest) -> AppTest:
    """Once the run that was begun is over."""
    app.session_state["_job-heal"][1].wait(visit.TIMEOUT_S)
    return visit.rerun(app)


def test_from_the_button_to_what_was_won(tiny_llama: Path, started: Started):
    app = open_convert(model=tiny_llama, text=TEXT, convert_view="Heal")
    assert any("it can be stopped and taken up again" in note for note in visit.notes(app))
    assert started.calls == []
    started.run.progress = models.HealingProgress(stage="healing", step=4, steps=24, loss=0.5)
    started.run.losses = ((2, 0.75), (4, 0.5))
    visit.click(app, "heal-go")
    while not started.calls:  # the model is written to its folder first
        time.sleep(0.02)
    visit.rerun(app)
    (((folder, teacher, corpus, out), named),) = started.calls
    assert models.load(str(folder)).geometry.kv_lora_rank == 16
    assert teacher == str(tiny_llama)
    assert corpus.startswith("The ferry left the harbour")
    assert out.is_relative_to(conversions.models.cache_folder())
    assert named["tokens"] == 50_000
    assert app.button(key="heal-go").disabled
    (trace,) = visit.figure(app, "heal-loss")["data"]
    assert (trace["x"], trace["y"]) == ([2, 4], [0.75, 0.5])
    visit.click(app, "heal-stop")
    assert started.run.stops == 1

    started.run.running = False
    started.run.progress = models.HealingProgress(stage="stopped", step=5, steps=24)
    healed(app)
    assert any("Stopped at step 5 of 24" in info for info in visit.infos(app))
    assert app.button(key="heal-go").label == "Go on"
    healed(visit.click(app, "heal-go"))
    assert started.calls[1] == started.calls[0]  # the same arguments go on where it stopped

    started.run.folder = tiny_llama
    started.run.progress = models.HealingProgress(
        stage="done", step=24, steps=24, before=20.0, after=15.0, original=12.5
    )
    visit.rerun(app)
    values = {metric.label: (metric.value, metric.delta) for metric in app.metric}
    assert values["Converted"][0] == "20"
    assert values["Healed"] == ("15", "-25.0%")
    assert values["Original"][0] == "12.5"
    visit.click(app, "heal-explore")
    assert app.session_state["model"] == str(tiny_llama)


def test_what_goes_wrong_is_a_sentence(tiny_llama: Path, started: Started, monkeypatch: pytest.MonkeyPatch):
    app = open_convert(model=tiny_llama, text=TEXT, convert_view="Heal")

    def refuse(*_: Any, **__: Any) -> Run:
        raise BadText("The text to heal on has 3 tokens, but 1,024 are the least: give a longer corpus.")

    monkeypatch.setattr("models.start_healing", refuse)
    app.session_state["heal-source"] = "my text"
    settle(visit.rerun(app, **{"heal-text": "too short"}))
    healed(visit.click(app, "heal-go"))
    (sentence,) = visit.complaints(app)
    assert "1,024 are the least" in sentence
    assert app.session_state["heal-text"] == "too short"

    monkeypatch.setattr("models.start_healing", started)
    started.run.running = False
    started.run.progress = models.HealingProgress(
        stage="failed", message="The disk is full: free some space."
    )
    healed(visit.click(app, "heal-go"))
    (sentence,) = visit.complaints(app)
    assert_sentence(sentence)
    assert "The disk is full" in sentence


def test_without_accelerate_the_page_says_what_to_install(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("viz.views.convert.healing.find_spec", lambda _: None)
    app = open_convert(model=tiny_llama, text=TEXT, convert_view="Heal")
    assert any("requirements-train.txt" in info for info in visit.infos(app))
    assert "heal-go" not in {button.key for button in app.button}
