"""A callback that records what the heads of a model do while transformers' Trainer trains it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from accelerate.utils import extract_model_from_parallel
from torch import nn
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from models.errors import BadSelection, UnsupportedModel
from models.look.formation import Formation
from models.look.scores import Scores
from models.training.head_recorder import HeadRecorder, Validate, record_steps

FILE = "formation.npz"
REPORTED = ("induction", "previous_token", "first_token")
HEADS_ONE_BY_ONE = 64  # above so many heads a dashboard of single curves helps nobody


class HeadMetrics(TrainerCallback):
    """Watches heads form: `Trainer(..., callbacks=[HeadMetrics("a text that repeats itself, repeats itself")])`.

    probe: the text all records are made on (the Trainer's processing_class reads it), or token ids. records: how many,
    at optimizer steps evenly spaced in the logarithm from 0 to the last; steps: or at these. tile: side of each head's
    picture, in cells. validate: called with the model at each record, returns a loss in nats per token; without it the
    Trainer's own eval_loss is kept where it evaluates on a recorded step. output: a formation.npz that is written anew
    at each record. tokens_per_step: tokens that one optimizer step reads, where the Trainer does not count them itself
    (`include_num_input_tokens_seen`). per_head: report every head's scores too; unless told, up to 64 heads.

    Reports, at each record, to the console and to all that the Trainer reports to: `heads/induction_max`,
    `heads/previous_token_max`, `heads/first_token_max`, and per head `heads/induction/L2H3` (not to the console); the
    integrations write `train/` in front, as they do for the loss. Each is a share of attention, 0 to 1; what it means
    stands in models.look.scores.Scores. `formation` holds all that was recorded; it is saved into every checkpoint, and a
    resumed run goes on from there. The training itself is not changed by a bit. Raises a HeadlightError at the
    beginning of the training where the model or the probe cannot be used.
    """

    def __init__(
        self,
        probe: str | Sequence[int],
        *,
        records: int = 24,
        steps: Sequence[int] | None = None,
        tile: int = 32,
        validate: Validate | None = None,
        output: str | Path | None = None,
        prefix: str = "heads",
        tokens_per_step: int | None = None,
        per_head: bool | None = None,
    ) -> None:
        self.probe, self.records, self.steps, self.tile = probe, records, steps, tile
        self.validate, self.prefix, self.per_head = validate, prefix, per_head
        self.output = None if output is None else Path(output)
        self.tokens_per_step = tokens_per_step
        self._recorder: HeadRecorder | None = None
        self._trainer: Trainer | None = None
        self._due: frozenset[int] = frozenset()

    @property
    def formation(self) -> Formation:
        """All that was recorded so far. Raises BadSelection before the training has begun."""
        if self._recorder is None:
            raise BadSelection("Nothing is recorded before the training begins; call trainer.train() first.")
        return self._recorder.formation

    # --- what the Trainer calls ----------------------------------------------------------------------------------

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if not state.is_world_process_zero:
            return
        self._trainer, resumed_from = _found_trainer(self)
        module = _unwrapped(kwargs["model"], self._trainer)
        reader = kwargs.get("processing_class")
        tokenizer = reader if isinstance(reader, PreTrainedTokenizerBase) else None
        self._recorder = HeadRecorder(module, self.probe, tokenizer, size=self.tile, validate=self.validate)
        self._due = frozenset(
            self.steps if self.steps is not None else record_steps(state.max_steps, self.records)
        )
        if state.global_step > 0:
            self._resume(args, state, resumed_from)
        elif 0 in self._due:
            self._record(args, state, control, module)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        last = state.global_step >= state.max_steps and self.steps is None
        if self._recorder is not None and (state.global_step in self._due or last):
            self._record(args, state, control, _unwrapped(kwargs["model"], self._trainer))

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        loss = (metrics or {}).get("eval_loss")
        if self._recorder is None or self.validate is not None or loss is None:
            return
        if self.formation.steps and self.formation.steps[-1] == state.global_step:
            self._recorder.formation = self.formation.with_last_loss(loss)
            self._write(self.output)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        folder = Path(args.output_dir or ".") / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
        if self._recorder is not None and folder.is_dir():
            self._write(folder / FILE)

    # --- recording -----------------------------------------------------------------------------------------------

    def _record(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, module: PreTrainedModel
    ) -> None:
        assert self._recorder is not None
        seen = state.num_input_tokens_seen if args.include_num_input_tokens_seen != "no" else -1
        if self.tokens_per_step is not None:
            seen = state.global_step * self.tokens_per_step
        try:
            scores = self._recorder.record(module, state.global_step, tokens_seen=seen)
        except torch.OutOfMemoryError:
            # Hours of training are worth more than one record of them.
            _warn(
                f"There was no memory left to record the heads at step {state.global_step}; the training goes on."
            )
            return
        self._report(args, state, control, scores)
        self._write(self.output)

    def _write(self, path: Path | None) -> None:
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.formation.save(path)
        except OSError as error:
            _warn(f"The record of the heads could not be written to {path} ({error}); the training goes on.")

    def _resume(self, args: TrainingArguments, state: TrainerState, resumed_from: str | None) -> None:
        """Take up the records in the checkpoint; a run broken off before it was whole left them in the output file."""
        assert self._recorder is not None
        own = Path(args.output_dir or ".") / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
        places = [Path(resumed_from) / FILE] if resumed_from else []
        places += [own / FILE, *([self.output] if self.output else [])]
        for place in places:
            if place.is_file():
                self._recorder.resume(Formation.load(place), state.global_step)
                return
        _warn(
            f"No earlier record of the heads was found in {places[0]}, so it begins at step {state.global_step}; "
            "was HeadMetrics among the callbacks before?"
        )

    # --- reporting -----------------------------------------------------------------------------------------------

    def _report(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, scores: Scores
    ) -> None:
        """Through the Trainer's own log, single heads to everything but the console."""
        if self._trainer is None:
            return
        # Every log resets this, also the one that the Trainer is about to write at this very step.
        should_log = control.should_log
        self._trainer.log({f"{self.prefix}/{name}": value for name, value in _maxima(scores).items()})
        single = {f"{self.prefix}/{name}": value for name, value in self._single(scores).items()}
        handler = self._trainer.callback_handler
        for callback in handler.callbacks if single else ():
            if not isinstance(callback, (PrinterCallback, ProgressCallback)):
                callback.on_log(args, state, control, logs=dict(single), model=handler.model)
        control.should_log = should_log

    def _single(self, scores: Scores) -> dict[str, float]:
        layers, heads = scores.values[REPORTED[0]].shape
        wanted = self.per_head if self.per_head is not None else layers * heads <= HEADS_ONE_BY_ONE
        if not wanted:
            return {}
        return {
            f"{name}/L{layer}H{head}": value
            for name in REPORTED
            for layer, row in enumerate(scores.values[name].tolist())
            for head, value in enumerate(row)
            if value == value  # NaN: the layer has no such head, or the probe gives none to tell by
        }


def _maxima(scores: Scores) -> dict[str, float]:
    best = {f"{name}_max": scores.values[name].nan_to_num(-1.0).max().item() for name in REPORTED}
    return {name: value for name, value in best.items() if value >= 0}


def _found_trainer(callback: TrainerCallback) -> tuple[Trainer | None, str | None]:
    """The Trainer that is calling, and the checkpoint it resumes from.

    transformers hands a callback neither, and those that report stand before it in the list, where what it adds to
    `logs` comes too late; so both are read off the frames of the call.
    """
    frame, trainer, resumed_from = sys._getframe(1), None, None
    while frame is not None:
        names = frame.f_locals
        candidate, folder = names.get("self"), names.get("resume_from_checkpoint")
        if isinstance(candidate, Trainer) and callback in candidate.callback_handler.callbacks:
            trainer = trainer or candidate
            resumed_from = resumed_from or (folder if isinstance(folder, str) else None)
        frame = frame.f_back
    if trainer is None:
        _warn("HeadMetrics was called by something that is no Trainer, so it records and reports to nobody.")
    return trainer, resumed_from


def _unwrapped(model: nn.Module, trainer: Trainer | None) -> PreTrainedModel:
    """The transformers model inside of DDP, torch.compile and the like. Raises UnsupportedModel."""
    if trainer is not None and (trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled):
        raise UnsupportedModel(
            "HeadMetrics runs its probe on one process, which holds only a part of the weights under FSDP or DeepSpeed; "
            "train on one device or with DDP, or take HeadMetrics out."
        )
    # accelerate's autocast must stay around `forward`: taking it off here would take it off the training.
    inner = extract_model_from_parallel(model, keep_fp32_wrapper=True, keep_torch_compile=False)
    if not isinstance(inner, PreTrainedModel):
        raise UnsupportedModel(
            f"HeadMetrics watches models of transformers, but {type(inner).__name__} is none; take HeadMetrics out, or "
            "train a PreTrainedModel."
        )
    return cast(PreTrainedModel, inner)


def _warn(sentence: str) -> None:
    warnings.warn(sentence, stacklevel=3)
