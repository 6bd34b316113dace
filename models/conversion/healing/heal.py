"""Healing: a converted model learns from the model it came from to say the same (distillation, Hinton et al. 2015).

Only the factors are trained, and the norms where that is asked for, so that what is learnt is how to use the latents.
Needs the packages of requirements-train.txt, which is why the app does not import it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import Dataset
from transformers import (
    PreTrainedModel,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)

from models.conversion.healing.folder import identity, resume_point
from models.conversion.healing.weights import factors, norms
from models.errors import BadSelection, BadText
from models.shape.family import CONTEXT
from models.training.guards import LeaveOnSignal, train_to_disk
from models.training.recipe import Recipe
from models.training.run import Diverged, Place, training_arguments
from models.training.sequences import Rows, Sequences, collate

FACTORS = (
    "kv_down_proj",
    "kv_up_proj",
    "kv_a_proj_with_mqa",
    "kv_b_proj",
)  # what makes latents, and what reads them


@dataclass(frozen=True, slots=True)
class Healing:
    """tokens: how many are learnt from in all; tokens_per_step: in one optimizer step. rate: of learning, reached over
    warmup_steps and then falling to zero in a line. norms: whether the norms learn as well.
    """

    tokens: int
    seed: int = 0
    tokens_per_step: int = 2048
    rate: float = 3e-4
    warmup_steps: int = 10
    norms: bool = False

    @property
    def steps(self) -> int:
        """Optimizer steps in all."""
        return max(round(self.tokens / self.tokens_per_step), 1)

    def rate_at(self, step: int) -> float:
        """The rate of learning at a step, as a share of its full value."""
        return min((step + 1) / self.warmup_steps, (self.steps - step) / self.steps)


@dataclass(frozen=True, slots=True)
class Healed:
    """tokens_seen: learnt from so far; finished: False where it was broken off, and can be taken up again."""

    tokens_seen: int
    finished: bool


@dataclass(frozen=True, slots=True)
class HealingStep:
    """One optimizer step that is done. step: counted from 1, of `steps`; loss: KL(teacher || student), nats per token.

    tokens_per_second: since this process began to train.
    """

    step: int
    steps: int
    loss: float
    tokens_per_second: float


def tell_nobody(step: HealingStep) -> None:
    """Listen to no step."""


def heal(
    student: PreTrainedModel,
    teacher: PreTrainedModel,
    tokens: NDArray[np.int64],
    healing: Healing,
    place: Place,
    tell: Callable[[HealingStep], None] = tell_nobody,
) -> Healed | None:
    """Train the student's factors in place towards the teacher's next-token distributions, or go on where a run in the
    same folder stopped.

    tokens: int64 [token], at least two windows of 512. The loss is KL(teacher || student) in nats per token. tell: hears of
    every step. Of several processes all but the first come back with None, and tell of nothing. Raises BadSelection where
    the two do not fit or the folder holds another run, BadText where the text is too short, Diverged where the loss is no
    number.
    """
    check_pair(student, teacher)
    if len(tokens) < 2 * CONTEXT:
        raise BadText(
            f"The text to heal on has {len(tokens):,} tokens, but {2 * CONTEXT:,} are the least: give a longer corpus."
        )
    checkpoint = resume_point(place.folder, run_identity(student, tokens, healing))
    set_seed(healing.seed)
    leave = LeaveOnSignal()
    trainer = _trainer(student, teacher, tokens, healing, place, [leave, _Told(healing, tell)])
    try:
        train_to_disk(trainer, checkpoint, place.folder, leave)
    finally:
        student.eval().requires_grad_(False)
    if not trainer.is_world_process_zero():
        return None
    done = trainer.state.global_step
    return Healed(done * healing.tokens_per_step, done >= healing.steps)


def run_identity(student: PreTrainedModel, tokens: NDArray[np.int64], healing: Healing) -> dict[str, Any]:
    """What tells this run from others that might be in the same folder; of the student before it has learnt."""
    return identity(factors(student), tokens, healing)


def check_pair(student: PreTrainedModel, teacher: PreTrainedModel) -> None:
    """Raise BadSelection where the student is no converted model, or the teacher speaks of other tokens."""
    if getattr(student.config, "provenance", None) is None or not factors(student):
        raise BadSelection(
            f"A {type(student).__name__} is no converted model: give a folder that models.save wrote of what convert_to_mla "
            "returned."
        )
    if student.config.vocab_size != teacher.config.vocab_size:
        raise BadSelection(
            f"The model has {student.config.vocab_size:,} tokens, but its teacher {teacher.config.vocab_size:,}: give the "
            "model that it was converted from."
        )


class _Windows(Dataset[Rows]):
    """Windows of the text, [1, pos], every epoch from a new offset and in a new order."""

    def __init__(self, tokens: NDArray[np.int64], healing: Healing) -> None:
        self.count = healing.steps * _windows_per_step(healing)
        self.windows = Sequences(cast(Any, tokens), Recipe(tokens=healing.tokens, seed=healing.seed))

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Rows:
        window = torch.from_numpy(self.windows.row(index).astype(np.int64))[None]
        return Rows(window, window)


class _Told(TrainerCallback):
    """Tells of each step; the Trainer's own log comes every twenty."""

    def __init__(self, healing: Healing, tell: Callable[[HealingStep], None]) -> None:
        self.healing, self.tell = healing, tell
        self.loss = float("nan")
        self._began, self._first = 0.0, 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._began, self._first = time.perf_counter(), state.global_step

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        if state.is_world_process_zero:
            learnt = (state.global_step - self._first) * self.healing.tokens_per_step
            speed = learnt / max(time.perf_counter() - self._began, 1e-9)
            self.tell(HealingStep(state.global_step, self.healing.steps, self.loss, speed))


class _Distilling(Trainer):
    """A Trainer whose loss is the distance from the teacher, and which stops where that is no number."""

    teacher: nn.Module

    def __init__(self, *given: Any, callbacks: list[TrainerCallback], **named: Any) -> None:
        super().__init__(*given, callbacks=callbacks, **named)
        self.told = next(part for part in callbacks if isinstance(part, _Told))

    def compute_loss(self, model: nn.Module, inputs: dict[str, Any], *_: Any, **__: Any) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """KL(teacher || student), nats per token, over all positions."""
        ids = inputs["input_ids"]
        with torch.no_grad():
            wanted = self.teacher(input_ids=ids, use_cache=False).logits
        said = model(input_ids=ids, use_cache=False).logits
        wanted, said = (logits.flatten(0, 1).float().log_softmax(-1) for logits in (wanted, said))
        loss = nn.functional.kl_div(said, wanted, reduction="batchmean", log_target=True)
        self.told.loss = loss.item()
        if not torch.isfinite(loss):
            raise Diverged(
                f"The loss of step {self.state.global_step + 1} is {loss.item()}: the last good checkpoint lies in "
                f"{self.args.output_dir}; try a lower rate of learning."
            )
        return loss


def _windows_per_step(healing: Healing) -> int:
    return max(healing.tokens_per_step // CONTEXT, 1)


def _trainer(
    student: PreTrainedModel,
    teacher: PreTrainedModel,
    tokens: NDArray[np.int64],
    healing: Healing,
    place: Place,
    callbacks: list[TrainerCallback],
) -> Trainer:
    arguments = training_arguments(place, healing.steps, _windows_per_step(healing), healing.seed)
    student.requires_grad_(False)
    trained = factors(student) + (norms(student) if healing.norms else [])
    for weight in trained:
        weight.requires_grad_(True)
    optimizer = AdamW(trained, healing.rate, betas=(0.9, 0.95), weight_decay=0.0)
    trainer = _Distilling(
        model=student,
        args=arguments,
        train_dataset=_Windows(tokens, healing),
        data_collator=collate,
        optimizers=(optimizer, LambdaLR(optimizer, healing.rate_at)),
        callbacks=callbacks,
    )
    nn.Module.to(teacher, arguments.device)
    trainer.teacher = teacher.eval().requires_grad_(False)
    return trainer
