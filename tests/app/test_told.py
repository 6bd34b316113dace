"""What the page says of a model beside its pictures, and of errors that nobody has foreseen."""

import json
import logging
import re
from pathlib import Path

import pytest

from tests import tiny_models
from tests.app import visit
from tests.sentences import assert_sentence

TEXT = "The cat sat on the mat."


def captions(app: visit.AppTest) -> str:
    return " ".join(caption.value for caption in app.caption)


def say(folder: Path, **entries: object) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))
    return folder


def test_what_is_not_run_stands_beside_the_picture(tmp_path: Path):
    own = {"AutoModelForCausalLM": "modeling_own.OwnForCausalLM"}
    app = visit.visit(model=say(tiny_models.llama(tmp_path / "llama"), auto_map=own), text=TEXT)
    assert visit.complaints(app) == []
    assert "OwnForCausalLM" in captions(app)


def test_an_unforeseen_error_has_a_reference_that_stands_in_the_log(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def fail(*_: object, **__: object) -> None:
        raise KeyError("some_inner_name")

    app = visit.visit(model=tiny_llama, text=TEXT)
    monkeypatch.setattr("models.capture", fail)
    with caplog.at_level(logging.ERROR):
        visit.rerun(app, text="never run before this")
    (sentence,) = visit.complaints(app)
    assert_sentence(sentence)
    assert "not foreseen" in sentence
    assert "shorter" not in sentence
    reference = re.search(r"reference ([0-9a-f]{8})", sentence)
    assert reference is not None
    logged = [record for record in caplog.records if reference[1] in record.getMessage()]
    assert len(logged) == 1
    assert logged[0].exc_info is not None
    assert logged[0].exc_info[0] is KeyError


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate")])
def test_too_little_memory_may_advise_a_shorter_text(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
):
    def fail(*_: object, **__: object) -> None:
        raise error

    app = visit.visit(model=tiny_llama, text=TEXT)
    monkeypatch.setattr("models.capture", fail)
    visit.rerun(app, text="never run before that")
    (sentence,) = visit.complaints(app)
    assert_sentence(sentence)
    assert "shorter text" in sentence
