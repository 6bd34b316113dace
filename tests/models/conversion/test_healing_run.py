"""Healing as a process of its own: watched, stopped, taken up again; and what it says where it cannot go on."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import models
from models.conversion.convert import convert_to_mla
from models.conversion.healing import run as healing_run
from models.conversion.healing.folder import alone_in
from models.conversion.healing.run import HealingRun, start_healing
from models.conversion.perplexity import measure_perplexity
from models.errors import BadSelection, BadText, HeadlightError
from models.loading.saved_folder import save
from models.look.evaluation_texts import evaluation_text
from tests import tiny_models
from tests.models.conversion.test_convert import module, source, spectra
from tests.models.conversion.test_heal import text
from tests.sentences import assert_sentence

pytestmark = pytest.mark.slow

PATIENCE_S = 240.0


def until(run: HealingRun, step: int) -> None:
    begun = time.monotonic()
    while run.running and run.progress.step < step:
        assert time.monotonic() - begun < PATIENCE_S, run.progress
        time.sleep(0.05)


def test_watched_stopped_and_taken_up_again(tmp_path: Path):
    teacher = tiny_models.save(module("llama"), tiny_models.byte_level_tokenizer(), tmp_path / "teacher")
    made = save(convert_to_mla(source(), 24, spectra()), tmp_path / "made")
    asked: dict[str, Any] = {"tokens": 24 * 512, "tokens_per_step": 512, "rate": 2e-3, "threads": 1}

    def start() -> HealingRun:
        return start_healing(made, teacher, text(3000), tmp_path / "out", **asked)

    run = start()
    assert run.running
    assert run.folder is None
    until(run, 2)
    run.stop()
    assert run.wait(PATIENCE_S)
    told = run.progress
    assert told.stage == "stopped", told
    assert_sentence(told.message)
    assert 2 <= told.step < told.steps == 24
    assert 0.08 < told.fraction < 1
    assert (tmp_path / "out" / f"checkpoint-{told.step}").is_dir()
    held = evaluation_text()
    original = measure_perplexity(models.load(str(teacher), "cpu", "float32"), held, max_tokens=16_384)
    assert told.original == pytest.approx(original.perplexity, rel=1e-4)

    first = run.losses
    again = start()
    assert again.progress.stage == "loading"
    assert again.wait(PATIENCE_S)
    done = again.progress
    assert (done.stage, done.step, done.fraction) == ("done", 24, 1.0), done
    assert [step for step, _ in again.losses] == list(range(1, 25))
    assert all(math.isfinite(loss) and loss > 0 for _, loss in again.losses)
    assert again.losses[: told.step] == first == run.losses
    assert done.before == pytest.approx(told.before)
    assert again.folder == tmp_path / "out" / "model"
    healed = models.load(str(again.folder), "cpu")
    assert "Healed on 12,288 tokens" in healed.note
    after = measure_perplexity(healed, held, max_tokens=16_384)
    assert done.after == pytest.approx(after.perplexity, rel=1e-4)


def process(code: str, folder: Path, said: list[dict[str, Any]]) -> HealingRun:
    """A run whose process is another, with what it has said already."""
    lines = folder / "progress-5.jsonl"
    lines.write_text("".join(f"{json.dumps(line)}\n" for line in said) + '{"event": "st')
    with lines.with_suffix(".log").open("wb") as errors:
        made = subprocess.Popen([sys.executable, "-S", "-c", code], stderr=errors)
    return HealingRun(made, lines)


STEP: dict[str, Any] = {"event": "step", "step": 3, "steps": 12, "loss": 0.5, "tokens_per_second": 800.0}


def test_what_it_says_while_it_works(tmp_path: Path):
    measured = {"event": "measured", "before": 9.0, "original": 7.0}
    run = process("import time; time.sleep(60)", tmp_path, [{"event": "measuring"}, measured, STEP])
    told = run.progress
    assert (told.stage, told.step, told.steps, told.loss) == ("healing", 3, 12, 0.5)
    assert (told.before, told.original, told.after, told.tokens_per_second) == (9.0, 7.0, None, 800.0)
    assert told.fraction == pytest.approx(0.1 + 0.85 / 4)
    with (tmp_path / "progress-5.jsonl").open("a") as file:  # the rest of the half line
        file.write('ep", "step": 4, "steps": 12, "loss": 0.4, "tokens_per_second": 900.0}\n{\'loss\': 1}\n')
    assert run.progress.step == 4
    assert run.losses == ((3, 0.5), (4, 0.4))
    run.kill()
    assert run.wait(20)
    assert run.progress.stage == "stopped"


def test_lines_of_an_earlier_process_are_its_losses_only(tmp_path: Path):
    for number, event in ((4, STEP), (6, STEP | {"step": 9})):
        (tmp_path / f"progress-{number}.jsonl").write_text(f'{json.dumps(event)}\n{{"event": "failed"}}\n')
    run = process("import time; time.sleep(60)", tmp_path, [])
    assert run.progress.stage == "loading"
    assert run.losses == ((3, 0.5),)
    run.kill()


def test_nobody_holding_it_is_a_polite_stop(tmp_path: Path):
    run = process("import time; time.sleep(60)", tmp_path, [])
    held = run._process
    del run
    assert held.wait(20) == -15


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("raise ValueError('what')", "ValueError: what"),
        ("import os; os.kill(os.getpid(), 9)", "want of memory"),
        ("raise SystemExit(7)", "exit code 7"),
    ],
)
def test_what_goes_wrong_unforeseen_is_a_sentence(code: str, says: str, tmp_path: Path):
    run = process(code, tmp_path, [STEP])
    assert run.wait(20)
    told = run.progress
    assert told.stage == "failed"
    assert told.step == 3
    assert says in told.message
    assert_sentence(told.message)
    assert run.folder is None


def test_what_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_text("")
    for corpus, out, error in (
        ("  ", tmp_path / "out", BadText),
        ([], tmp_path / "out", BadText),
        (["some text", " "], tmp_path / "out", BadText),
        (str(tmp_path / "file"), tmp_path / "out", BadText),
        ("some text", tmp_path / "file", HeadlightError),
    ):
        with pytest.raises(error) as refused:
            start_healing("made", "teacher", corpus, out)
        assert_sentence(refused.value)
    monkeypatch.setattr(healing_run, "find_spec", lambda _: None)
    with pytest.raises(HeadlightError, match="accelerate") as refused:
        start_healing("made", "teacher", "some text", tmp_path / "out")
    assert_sentence(refused.value)


def test_one_run_in_a_folder(tmp_path: Path):
    with (
        alone_in(tmp_path / "out"),
        pytest.raises(BadSelection, match="Another process") as refused,
        alone_in(tmp_path / "out"),
    ):
        pass
    assert_sentence(refused.value)
    with alone_in(tmp_path / "out"):
        pass
    with pytest.raises(HeadlightError) as refused, alone_in(Path("/proc/none")):
        pass
    assert_sentence(refused.value)
