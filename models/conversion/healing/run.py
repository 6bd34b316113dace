"""Healing in a process of its own: begun, watched and politely stopped from here, while this process stays responsive.

The process is `python -m models.conversion heal --json`. It writes its progress (see models.conversion.healing.progress) into a
file of its own, OUT/progress-N.jsonl, and what goes wrong unforeseen into another beside it, so that a second one in the same
folder, which is refused, does not disturb the first.
"""

from __future__ import annotations

import subprocess
import sys
import time
import weakref
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from models.conversion.healing.progress import PROGRESS, HealingProgress, earlier_losses, following, parsed
from models.errors import BadSelection, BadText, BrokenWeights, HeadlightError
from models.loading.placement import choose_device
from models.look.evaluation_texts import EVALUATION
from models.run.inputs import check_text

CORPUS, VALID = "corpus", "valid"  # files of texts that were given as such
ROOT = Path(__file__).parents[3]  # from where `python -m models.conversion` is found
STOPPED, KILLED = 2, -9  # exit codes of a run that was broken off, and of one that the system ended


class HealingRun:
    """One run. When nobody holds it any more, or this process ends, it is stopped politely and can be taken up again."""

    def __init__(self, process: subprocess.Popen[bytes], lines: Path) -> None:
        """lines: the file that the process writes its progress to."""
        self._process, self._out = process, lines.parent
        self._lines, self._read, self._asked = lines, 0, False
        self._progress, self._losses = HealingProgress(), earlier_losses(lines)
        self._let_go = weakref.finalize(self, _terminate, process)

    @property
    def running(self) -> bool:
        """Whether its process is still there."""
        return self._process.poll() is None

    @property
    def progress(self) -> HealingProgress:
        """Where it stands now; after its end how it ended, with the reason where it failed."""
        code = self._process.poll()  # before the lines are read, so that none is missed
        self._take_lines()
        told = self._progress
        if code is None:
            return replace(told, stage="stopping") if self._asked else told
        if told.stage in ("done", "failed", "stopped"):
            return told
        if self._asked or code == STOPPED:
            where = f"at step {told.step}" if told.step else "before the first step was done"
            return replace(told, stage="stopped", message=f"Healing was stopped {where}.")
        return replace(told, stage="failed", message=self._unforeseen(code))

    @property
    def losses(self) -> tuple[tuple[int, float], ...]:
        """(step, loss in nats per token) of every step so far, of an earlier process in the same folder too."""
        self._take_lines()
        return tuple(sorted(self._losses.items()))

    @property
    def folder(self) -> Path | None:
        """The healed model, for `models.load`, once it is done."""
        return self._out / "model" if self.progress.stage == "done" else None

    def stop(self) -> None:
        """Ask it to finish its step, write a checkpoint and leave; comes back at once."""
        if self.running and not self._asked:  # asked twice it would leave without a checkpoint
            self._asked = True
            _terminate(self._process)

    def kill(self) -> None:
        """End it at once; it goes on from its last checkpoint."""
        self._asked = True
        self._process.kill()

    def wait(self, seconds: float | None = None) -> bool:
        """Until it has ended, but no longer than that; whether it has."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _take_lines(self) -> None:
        """Read what was written since the last look; half a line waits for its end."""
        with self._lines.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                event, told = parsed(line)
                if event == "step":
                    self._losses[told["step"]] = told["loss"]
                self._progress = following(self._progress, event, told)

    def _unforeseen(self, code: int) -> str:
        if code == KILLED:
            return "Healing was ended from outside, most likely for want of memory: choose a smaller model, or free some."
        errors = _errors(self._lines)
        lines = errors.read_text("utf-8", "replace").strip().splitlines()
        last = lines[-1][:200] if lines else f"exit code {code}"
        return f"Healing broke off ({last}): what it wrote last lies in {errors}."


def start_healing(
    model: str | Path,
    teacher: str | Path,
    corpus: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    valid: str | Path | Sequence[str | Path] | None = None,
    tokens: int = 200_000,
    rate: float = 3e-4,
    seed: int = 0,
    device: str | torch.device = "auto",
    threads: int = 0,
    save_every: int = 50,
    tokens_per_step: int = 2048,
) -> HealingRun:
    """Begin to heal a converted model, or go on where a run with the same arguments was stopped; comes back at once.

    model: the folder that `models.save` wrote of a converted model; teacher: what it was converted from, as `models.load` takes
    it. corpus: one text or several, a string each, or the path of a file in UTF-8; valid: the same, what the perplexities are
    measured on: None for the prose that comes with Headlight, () to hold 5% of the corpus out. device: as in `models.load`.
    threads: 0 for all. What stands in the way of the run itself is in its `progress`. Raises HeadlightError where accelerate is
    not installed, BadSelection for a device that is not here, BadText where a text is empty, BrokenWeights where `out` cannot
    be written.
    """
    demand_accelerate()
    place, out = _trained_on(device), Path(out).expanduser().absolute()
    learnt = _files(corpus, out, CORPUS)
    if not learnt:
        raise BadText("No text to learn from came: give one or more files, or a text.")
    measured = _files(EVALUATION if valid is None else valid, out, VALID)
    given: dict[str, Any] = {
        "model": _place(model),
        "teacher": _place(teacher),
        "out": out,
        "tokens": tokens,
        "rate": rate,
        "seed": seed,
        "device": place,
        "threads": threads,
        "save-every": save_every,
        "tokens-per-step": tokens_per_step,
    }
    command = [sys.executable, "-m", "models.conversion", "heal", "--json"]
    command += [part for name, value in given.items() for part in (f"--{name}", str(value))]
    command += ["--corpus", *map(str, learnt), "--valid", *map(str, measured)]
    return _begun(command, out)


def _trained_on(device: str | torch.device) -> str:
    """The kind of device; which ones of it, transformers' Trainer decides. Raises BadSelection."""
    chosen = choose_device(device)
    if chosen.index:
        raise BadSelection(
            f"Healing runs on every GPU that PyTorch sees, so “{chosen}” alone cannot be chosen: give “{chosen.type}”, and set "
            "CUDA_VISIBLE_DEVICES where it should see fewer."
        )
    return chosen.type


def demand_accelerate() -> None:
    """Raise HeadlightError, one sentence, where the package that healing trains with is not installed."""
    if find_spec("accelerate") is None:
        raise HeadlightError(
            "Healing trains with the package accelerate, which is not installed: pip install -r requirements-train.txt."
        )


def _begun(command: list[str], out: Path) -> HealingRun:
    try:
        out.mkdir(parents=True, exist_ok=True)
        lines = out / PROGRESS.replace("*", f"{time.time_ns():020}")
        with lines.open("xb") as said, _errors(lines).open("xb") as errors:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=errors, cwd=ROOT
            )
    except OSError as error:
        raise BrokenWeights(
            f"Healing cannot be started in {out} ({error.strerror or error}): free some space, or choose another folder."
        ) from None
    return HealingRun(process, lines)


def _errors(lines: Path) -> Path:
    return lines.with_suffix(".log")


def _place(model: str | Path) -> str:
    """A folder by its whole path, for the process begins in another; a name as it is."""
    folder = Path(model).expanduser()
    return str(folder.absolute()) if folder.exists() else str(model)


def _files(given: str | Path | Sequence[str | Path], out: Path, name: str) -> list[Path]:
    """The texts as files: those that are files already, and others written beside the run."""
    several = [given] if isinstance(given, str | Path) else list(given)
    return [
        _written(one, out / f"{name}{number or ''}.txt") if isinstance(one, str) else Path(one).absolute()
        for number, one in enumerate(several)
    ]


def _written(text: str, path: Path) -> Path:
    """The text as a file; the same again leaves it as it is."""
    check_text(text)
    _demand_no_path(text)
    out = path.parent
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
    except OSError as error:
        raise BrokenWeights(
            f"The text cannot be written to {out} ({error.strerror or error}): free some space, or choose another folder."
        ) from None
    return path


def _demand_no_path(text: str) -> None:
    """Raise BadText for the name of a file where a text should be."""
    named = False
    with suppress(OSError, ValueError):  # as long as texts are, no name
        named = Path(text).expanduser().is_file()
    if named:
        raise BadText(
            f"“{text}” names a file, but a string is read as a text: give it as pathlib.Path({text!r})."
        )


def _terminate(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
