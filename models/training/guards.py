"""What keeps a long run safe: it can be broken off, and what diverges is stopped before it is saved."""

from __future__ import annotations

import json
import shutil
import signal
import time
from pathlib import Path
from types import FrameType
from typing import Any

from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from models.errors import BrokenWeights
from models.training.recipe import Recipe

CLOCK = "clock.json"
STEADY = "steady"


class LeaveOnSignal(TrainerCallback):
    """Ctrl-C or a polite kill: finish the step, write a checkpoint, leave. A second Ctrl-C leaves at once."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._ask)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        if self.asked:
            control.should_save = control.should_training_stop = True

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self.restore()

    def restore(self) -> None:
        """Give the signals back to whoever had them."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            self.restore()
            raise KeyboardInterrupt
        self.asked = True


def train_to_disk(trainer: Trainer, checkpoint: Path | None, folder: Path, leave: LeaveOnSignal) -> None:
    """Train from a checkpoint on, or from the beginning; the signals are given back whatever happens.

    Raises BrokenWeights where a checkpoint cannot be written to the folder.
    """
    try:
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    except OSError as error:
        raise BrokenWeights(
            f"Step {trainer.state.global_step} could not be saved to {folder} ({error.strerror or error}): free "
            "some space and start the same command again; it goes on from the last whole checkpoint."
        ) from None
    finally:
        leave.restore()


class Clock(TrainerCallback):
    """Seconds spent on training, over all interruptions."""

    def __init__(self, before: float = 0.0) -> None:
        self.before, self._since = before, time.perf_counter()

    @property
    def seconds(self) -> float:
        """Wall time until now."""
        return self.before + time.perf_counter() - self._since

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._since = time.perf_counter()

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        if state.is_world_process_zero:
            _checkpoint(args, state).joinpath(CLOCK).write_text(json.dumps({"seconds": self.seconds}))


class KeepSteady(TrainerCallback):
    """Keep the checkpoint at which the rate of learning begins to fall: from there a longer run can go on."""

    def __init__(self, recipe: Recipe) -> None:
        self.step = recipe.steady_until

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        if state.global_step == self.step:
            control.should_save = True

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        if state.global_step == self.step and state.is_world_process_zero:
            kept = Path(str(args.output_dir)) / STEADY
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(_checkpoint(args, state), kept)


def _checkpoint(args: TrainingArguments, state: TrainerState) -> Path:
    return Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
