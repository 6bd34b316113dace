"""Models of several kinds and seeds, step by step together: those of one seed read the very same batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from models.errors import BadSelection
from models.look.formation import Formation
from models.probe import PROBE
from models.shape.attention_geometry import Kind
from models.shape.family import CONTEXT, WATCHED_WINDOWS, family_name
from models.training.head_recorder import HeadRecorder
from models.training.recipe import Recipe
from models.training.run import Diverged, Trained, device_name, identity, recorded_steps
from models.training.sequences import Sequences, collate
from models.training.together.timed import Fall, Timed
from models.training.together.trainee import Trainee
from models.training.validation import validation_loss, windows
from models.training.vocabulary import Tokens

CHECKPOINT = "together.pt"
FORMATION = "formation.npz"
CHECKED = 20  # steps between two looks at losses and clock, for which a GPU has to be waited for


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where and for how long. seconds: for training, by the clock. save_every: seconds between two checkpoints. workers:
    processes a seed that make its batches. graphs: steps are CUDA graphs, on a GPU.
    """

    folder: Path
    device: torch.device
    seconds: float
    save_every: float = 60.0
    graphs: bool = True
    workers: int = 0


class Group:
    """The models of `kinds` with each of `seeds`, new or as an earlier call in the same folder left them.

    clock: seconds since this call began. step, seconds, finished: how far they are, as last saved. The heads of the first
    seed's models are recorded at half octaves of steps, the others' at both ends. Raises BadSelection where the
    folder holds other models, other text or another recipe.
    """

    def __init__(
        self,
        kinds: Sequence[Kind],
        seeds: Sequence[int],
        tokens: Tokens,
        recipe: Recipe,
        place: Workplace,
        clock: Callable[[], float],
    ) -> None:
        self.tokens, self.recipe, self.place, self.clock = tokens, recipe, place, clock
        self.seeds = tuple(seeds)
        self.recipes = {seed: replace(recipe, seed=seed) for seed in self.seeds}
        self._identity = [identity(kind, tokens, mine) for mine in self.recipes.values() for kind in kinds]
        saved = self._saved()
        self.trainees = {
            seed: [Trainee(kind, tokens, mine, place.device, place.graphs) for kind in kinds]
            for seed, mine in self.recipes.items()
        }
        for trainee in self._all():
            trainee.record(_shapes(recipe))
        self.step, self.seconds, self.finished = saved["step"], saved["seconds"], saved["finished"]
        self._spent, self._saved_at = self.seconds, 0.0
        self.timed = Timed(recipe, place.seconds, self._spent, saved["fall"] and Fall(*saved["fall"]))
        for trainee, state in zip(self._all(), saved["trainees"], strict=False):
            trainee.restore(state)
        self._recorders = {id(trainee): self._recorder(trainee) for trainee in self._all()}

    def train(self, tell: Callable[[int, float, float], None]) -> None:
        """To the end of the schedule. tell: hears of the step, the mean loss of the first seed's models, and the seconds.

        Raises Diverged where a loss is no number.
        """
        if self.finished:
            return
        due = recorded_steps(self.recipe.steps)[:-1]  # the last is recorded in any case
        batches = self._batches(self.timed.planned)
        self._saved_at = self.clock()
        if not self.step:
            self._record(self._all())
        while True:
            if self.timed.begins_to_fall(self.step, self.clock()):
                batches = self._batches(self.timed.planned)
            share = self.timed.share(self.step, self.clock())
            if share == 0:
                break
            self._advance(batches, share)
            if self.step % CHECKED == 0:
                tell(self.step, self._checked(), self.clock())
                self._save_if_due()
            if self.step in due:
                self._record(self.trainees[self.seeds[0]])
        self._checked()
        self._record(
            [trainee for trainee in self._all() if self._formation(trainee).steps[-1:] != (self.step,)]
        )
        self.finished = True
        self.save()

    def done(self) -> Iterator[tuple[Path, Trainee, Trained, Recipe]]:
        """Each model's folder, the model and how it was trained, the first seed's first."""
        followed = self.timed.followed(self.step)
        for trainee in self._all():
            trained = Trained(
                model=trainee.model,
                tokens_seen=self.step * self.recipe.tokens_per_step,
                seconds=self.seconds,
                finished=self.finished,
                device=device_name(self.place.device),
                formation=replace(
                    self._formation(trainee), kind=trainee.kind, model_name=family_name(trainee.kind)
                ),
            )
            yield self._folder(trainee), trainee, trained, replace(followed, seed=trainee.recipe.seed)

    def save(self) -> None:
        """Write the state of all, whole or not at all."""
        fall = self.timed.fall
        self.seconds = self._spent + self.clock()
        state = {
            "identity": self._identity,
            "step": self.step,
            "seconds": self.seconds,
            "finished": self.finished,
            "fall": None if fall is None else (fall.step, fall.steps),
            "trainees": [trainee.state() for trainee in self._all()],
        }
        half = self.place.folder / f"{CHECKPOINT}.half"
        torch.save(state, half)
        half.replace(self.place.folder / CHECKPOINT)

    def _save_if_due(self) -> None:
        if self.clock() - self._saved_at > self.place.save_every:
            self.save()
            self._saved_at = self.clock()

    def _advance(self, batches: dict[int, Iterator[dict[str, Tensor]]], share: float) -> None:
        """One step of all."""
        for seed, trainees in self.trainees.items():
            batch = next(batches[seed])
            for trainee in trainees:
                trainee.step(batch, share)
        self.step += 1

    def _saved(self) -> dict[str, Any]:
        self.place.folder.mkdir(parents=True, exist_ok=True)
        path = self.place.folder / CHECKPOINT
        if not path.exists():
            return {"step": 0, "seconds": 0.0, "finished": False, "fall": None, "trainees": []}
        saved = torch.load(path, map_location="cpu", weights_only=True)
        if saved["identity"] != self._identity:
            raise BadSelection(
                f"{self.place.folder} holds a training of other models, on another text or by another recipe: give "
                "another --out, or delete it."
            )
        return saved

    def _all(self) -> list[Trainee]:
        return [trainee for trainees in self.trainees.values() for trainee in trainees]

    def _folder(self, trainee: Trainee) -> Path:
        return self.place.folder / f"{family_name(trainee.kind)}-seed{trainee.recipe.seed}"

    def _batches(self, recipe: Recipe) -> dict[int, Iterator[dict[str, Tensor]]]:
        """For each seed its batches from this step on."""
        rows = recipe.tokens_per_step // CONTEXT
        made: dict[int, Iterator[dict[str, Tensor]]] = {}
        for seed in self.seeds:
            data = Sequences(self.tokens.train, replace(recipe, seed=seed))
            loader = DataLoader(
                Subset(data, range(self.step * rows, len(data))),
                batch_size=rows,
                collate_fn=collate,
                num_workers=self.place.workers,
                prefetch_factor=8 if self.place.workers else None,
                pin_memory=self.place.device.type == "cuda",
            )
            made[seed] = iter(loader)
        return made

    def _checked(self) -> float:
        """The mean loss of the first seed's models, once every loss is known to be a number."""
        if self.place.device.type == "cuda":
            torch.cuda.synchronize(self.place.device)
        losses = {id(trainee): trainee.loss.item() for trainee in self._all()}
        for trainee in self._all():
            if not torch.isfinite(trainee.loss):
                raise Diverged(
                    f"The loss of {self._folder(trainee).name} at step {self.step} is {losses[id(trainee)]}: the last good "
                    f"checkpoint lies in {self.place.folder}; try a lower rate of learning, or look at the corpus."
                )
        first = self.trainees[self.seeds[0]]
        return sum(losses[id(trainee)] for trainee in first) / len(first)

    def _recorder(self, trainee: Trainee) -> HeadRecorder:
        some = windows(self.tokens.valid, WATCHED_WINDOWS)
        recorder = HeadRecorder(
            trainee.model, PROBE, self.tokens.tokenizer, validate=lambda model: validation_loss(model, some)
        )
        earlier = self._folder(trainee) / FORMATION
        if self.step and earlier.exists():
            recorder.resume(Formation.load(earlier), self.step)
        return recorder

    def _formation(self, trainee: Trainee) -> Formation:
        return self._recorders[id(trainee)].formation

    def _record(self, trainees: Sequence[Trainee]) -> None:
        if self.place.device.type == "cuda":
            torch.cuda.synchronize(self.place.device)
        for trainee in trainees:
            seen = self.step * self.recipe.tokens_per_step
            self._recorders[id(trainee)].record(trainee.model, self.step, tokens_seen=seen)
            self._folder(trainee).mkdir(parents=True, exist_ok=True)
            self._formation(trainee).save(self._folder(trainee) / FORMATION)


def _shapes(recipe: Recipe) -> list[tuple[int, int]]:
    """Of every batch that a training by this recipe reads: (sequences, pos)."""
    contexts = {stage.context for stage in (*recipe.stages, recipe.last_stage)}
    return [(recipe.tokens_per_step // context, context) for context in sorted(contexts)]
