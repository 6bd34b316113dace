"""One training run, from a seed to a checkpoint, with transformers' Trainer: resumable in exact data order."""

from __future__ import annotations

import json
import platform
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from transformers import (
    AutoModelForCausalLM,
    PreTrainedModel,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)

from models.errors import BadSelection, HeadlightError
from models.look.formation import Formation
from models.probe import PROBE
from models.shape.attention_geometry import Kind
from models.shape.family import CONTEXT, WATCHED_WINDOWS, family_config, family_name
from models.training.guards import CLOCK, STEADY, Clock, KeepSteady, LeaveOnSignal, train_to_disk
from models.training.head_metrics import HeadMetrics
from models.training.optimizer import MuonAdamW
from models.training.recipe import Recipe
from models.training.sequences import Sequences, collate
from models.training.validation import validation_loss, windows
from models.training.vocabulary import Tokens

RUN = "run.json"


class Diverged(HeadlightError):
    """The loss is no number any more."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run is computed and kept. device: "auto", "cpu" or "cuda". save_every: optimizer steps."""

    folder: Path
    device: str = "auto"
    save_every: int = 100
    report_to: tuple[str, ...] = ()
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run has come to. finished: False where it was broken off, and can be taken up again."""

    model: PreTrainedModel
    tokens_seen: int
    seconds: float
    finished: bool
    device: str
    formation: Formation


def train(kind: Kind, tokens: Tokens, recipe: Recipe, place: Place) -> Trained | None:
    """Train the family's model of that kind, or go on where a run in the same folder stopped.

    Where several processes train together, all but the first come back with None.

    Raises BadSelection where the folder holds a run of another config, Diverged where the loss is no number,
    BrokenWeights where a checkpoint cannot be written.
    """
    same_run = identity(kind, tokens, recipe)
    checkpoint = _resume_point(place.folder, same_run, recipe)
    model = fresh_model(kind, tokens, recipe.seed)
    clock = Clock(_seconds(checkpoint))
    leave = LeaveOnSignal()
    heads = _watch(tokens, recipe, place)
    trainer = _trainer(model, tokens, recipe, place, [clock, leave, KeepSteady(recipe), heads])
    train_to_disk(trainer, checkpoint, place.folder, leave)
    if not trainer.is_world_process_zero():
        return None
    done = trainer.state.global_step
    return Trained(
        model=model,
        tokens_seen=done * recipe.tokens_per_step,
        seconds=clock.seconds,
        finished=done >= recipe.steps,
        device=device_name(trainer.args.device),
        formation=replace(heads.formation, kind=kind, model_name=family_name(kind)),
    )


def fresh_model(kind: Kind, tokens: Tokens, seed: int, attention: str | None = None) -> PreTrainedModel:
    """The family's model of that kind before its first step. attention: transformers' name of an implementation."""
    set_seed(seed)
    config = family_config(kind)
    config.vocab_size = max(len(tokens.tokenizer), 2)
    return AutoModelForCausalLM.from_config(config, attn_implementation=attention)


def recorded_steps(steps: int) -> list[int]:
    """When the heads are recorded: at half octaves of steps, so that a longer run repeats the records of a shorter one."""
    due = {0, steps} | {round(2 ** (half / 2)) for half in range(2 * steps.bit_length())}
    return sorted(step for step in due if step <= steps)


def _watch(tokens: Tokens, recipe: Recipe, place: Place) -> HeadMetrics:
    some = windows(tokens.valid, WATCHED_WINDOWS)
    return HeadMetrics(
        PROBE,
        steps=recorded_steps(recipe.steps),
        validate=lambda model: validation_loss(model, some),
        output=place.folder / "formation.npz",
        tokens_per_step=recipe.tokens_per_step,
    )


def device_name(device: torch.device) -> str:
    """What a card calls it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU ({platform.machine()})"


def _trainer(
    model: nn.Module, tokens: Tokens, recipe: Recipe, place: Place, callbacks: list[TrainerCallback]
) -> Trainer:
    rows = recipe.tokens_per_step // CONTEXT
    arguments = training_arguments(place, recipe.steps, rows, recipe.seed)
    optimizer = MuonAdamW(model, recipe)
    return _FiniteTrainer(
        model=model,
        args=arguments,
        train_dataset=Sequences(tokens.train, recipe),
        data_collator=collate,
        optimizers=(optimizer, LambdaLR(optimizer, recipe.rate_at)),
        callbacks=callbacks,
        processing_class=tokens.tokenizer,
    )


def training_arguments(place: Place, steps: int, rows_per_step: int, seed: int) -> TrainingArguments:
    """The Trainer's settings of every run here: sequences in a fixed order, so that a run can be taken up again.

    rows_per_step: sequences that one optimizer step reads, divided among all devices.
    """
    arguments = TrainingArguments(
        output_dir=str(place.folder),
        max_steps=steps,
        train_sampling_strategy="sequential",
        save_strategy="steps",
        save_steps=place.save_every,
        save_total_limit=2,
        logging_steps=20,
        logging_nan_inf_filter=False,
        max_grad_norm=1.0,
        use_cpu=place.device == "cpu",
        report_to=list(place.report_to) or "none",
        disable_tqdm=place.quiet,
        remove_unused_columns=False,
        seed=seed,
        bf16=place.device != "cpu" and torch.cuda.is_available(),
    )
    devices = max(arguments.world_size * arguments.n_gpu, 1)  # known only once the settings are made
    arguments.per_device_train_batch_size = max(rows_per_step // devices, 1)
    return arguments


class _FiniteTrainer(Trainer):
    """Stops before a loss that is no number reaches the weights, and so before it reaches a checkpoint."""

    def training_step(self, *arguments: Any, **named: Any) -> Tensor:
        loss = super().training_step(*arguments, **named)
        if not torch.isfinite(loss):
            raise Diverged(
                f"The loss of step {self.state.global_step + 1} is {loss.item()}: the last good checkpoint lies in "
                f"{self.args.output_dir}; try a lower rate of learning, or look at the corpus around it."
            )
        return loss


def identity(kind: Kind, tokens: Tokens, recipe: Recipe) -> dict[str, Any]:
    """What a folder's checkpoints must agree in. How long the run is to be is not part of it."""
    same = {name: value for name, value in asdict(recipe).items() if name not in ("tokens", "cooldown")}
    length = {"tokens": len(tokens.train), "sum": int(tokens.train.astype("int64").sum())}
    return json.loads(json.dumps({"kind": kind, "recipe": same, "corpus": length}))


def _resume_point(folder: Path, identity: dict[str, Any], recipe: Recipe) -> Path | None:
    """The checkpoint to go on from, None for a fresh start; notes in the folder what runs there from now on."""
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / RUN
    plan = {"steps": recipe.steps, "steady_until": recipe.steady_until}
    whole = _whole_checkpoints(folder)
    if record.exists():
        before = json.loads(record.read_text())
        different = [name for name in identity if before["identity"].get(name) != identity[name]]
        if different:
            raise BadSelection(
                f"{folder} holds a run with another {' and another '.join(different)}: give another --out, or delete it."
            )
        if (
            before["plan"] != plan
        ):  # what was made while the rate fell is of no use to a run of another length
            shared = min(before["plan"]["steady_until"], recipe.steady_until)
            for step, place in whole:
                if step > shared:
                    shutil.rmtree(place)
            whole = [(step, place) for step, place in whole if step <= shared]
    record.write_text(json.dumps({"identity": identity, "plan": plan}, indent=1))
    return whole[-1][1] if whole else None


def _whole_checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """(step, folder) of every checkpoint that was written to its end, in order; half ones are deleted."""
    found = []
    for place in [*folder.glob("checkpoint-*"), folder / STEADY]:
        state = place / "trainer_state.json"  # the Trainer writes it last
        try:
            found.append((int(json.loads(state.read_text())["global_step"]), place))
        except (OSError, ValueError, KeyError):
            shutil.rmtree(place, ignore_errors=True)
    return sorted(found)


def _seconds(checkpoint: Path | None) -> float:
    if checkpoint is None or not (checkpoint / CLOCK).exists():
        return 0.0
    return float(json.loads((checkpoint / CLOCK).read_text())["seconds"])
