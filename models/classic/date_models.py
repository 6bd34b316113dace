"""The models that read dates: which they are, how each is trained, and what is written beside its weights."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from transformers import PreTrainedConfig, PreTrainedModel

from models.classic.answering import reporting
from models.classic.bottleneck import BottleneckConfig, BottleneckModel
from models.classic.card import TaskCard, made_with
from models.classic.characters import character_tokenizer
from models.classic.date_figures import DateFigures, date_figures
from models.classic.hard import HardConfig, HardModel
from models.classic.local import LocalConfig, LocalModel
from models.classic.reinforce import GradientVariance, HardLoss
from models.classic.soft import SoftConfig, SoftModel
from models.classic.training import Recipe, batches, train
from models.classic.transformer import CrossConfig, CrossModel
from models.progress import Progress, no_progress

CURVE_POINTS = 60
VARIANCE_STEPS = 12  # how often in a training the variance of REINFORCE is measured
TRAINED_ON = (
    "Trained on dates that models/classic/dates.py spells by chance, none of them of a day that is in the test set; "
    "tested on one spelling of each of 2,000 other days."
)


@dataclass(frozen=True, slots=True)
class DateModel:
    """How one of them is built and trained; the seed is the caller's."""

    config: type[PreTrainedConfig]
    module: type[PreTrainedModel]
    recipe: Recipe


DATE_MODELS: Mapping[str, DateModel] = MappingProxyType(
    {
        "classic-none": DateModel(BottleneckConfig, BottleneckModel, Recipe(3_000)),
        "classic-soft": DateModel(SoftConfig, SoftModel, Recipe(3_000)),
        "classic-hard": DateModel(HardConfig, HardModel, Recipe(4_000)),
        "classic-local": DateModel(LocalConfig, LocalModel, Recipe(5_000, learning_rate=3e-3)),
        "classic-cross": DateModel(CrossConfig, CrossModel, Recipe(6_000, batch=64, warm_up=500)),
    }
)


@dataclass(slots=True)
class _Record:
    """What is kept of a training while it goes."""

    curve: list[tuple[int, float]]
    losses: list[float]
    variance: list[GradientVariance]


def train_dates(name: str, folder: Path, seed: int = 0, *, progress: Progress = no_progress) -> TaskCard:
    """Train one of DATE_MODELS and write weights, config, tokenizer and card into `folder`."""
    known = DATE_MODELS[name]
    recipe = known.recipe.with_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = known.module(known.config())
        hard = isinstance(module, HardModel)
        loss = HardLoss(module.config.hidden_size, recipe.steps, seed) if hard else None
        began = time.perf_counter()
        record = _train(module, recipe, loss, progress)
        seconds = time.perf_counter() - began
    card = _card(name, module, recipe, seconds, record)
    folder.mkdir(parents=True, exist_ok=True)
    module.save_pretrained(folder)
    character_tokenizer().save_pretrained(folder)
    card.write(folder)
    return card


def _train(module: Any, recipe: Recipe, hard: HardLoss | None, progress: Progress) -> _Record:
    record = _Record([], [], [])
    every, measured = recipe.steps // CURVE_POINTS, recipe.steps // VARIANCE_STEPS
    apart = next(batches(recipe.with_seed(recipe.seed + 1)))

    def heard(step: int, loss: float) -> None:
        record.losses.append(loss)
        if (step + 1) % every == 0:
            record.curve.append((step + 1, sum(record.losses) / len(record.losses)))
            record.losses.clear()
        if hard is not None and (step + 1) % measured == 0:
            record.variance.append(hard.variance(module, apart, step + 1))

    if hard is None:
        train(module, recipe, heard=heard, progress=progress)
    else:
        train(module, recipe, hard, [*hard.parameters()], heard=heard, progress=progress)
    return record


def _card(name: str, module: PreTrainedModel, recipe: Recipe, seconds: float, record: _Record) -> TaskCard:
    looking = reporting(module)
    found = date_figures(looking)
    figures = _shares(found)
    if isinstance(module, HardModel):
        expected = date_figures(module, choice="expected")
        drawn = date_figures(module, choice="drawn", generator=torch.Generator().manual_seed(recipe.seed))
        figures |= {"exact_match_expected": expected.exact_match, "exact_match_drawn": drawn.exact_match}
    return TaskCard(
        name=name,
        task="dates",
        parameters=sum(weight.numel() for weight in module.parameters()),
        recipe=asdict(recipe),
        train_seconds=round(seconds, 1),
        trained_on=TRAINED_ON,
        command=f"python -m models.classic.train {name} --seed {recipe.seed}",
        figures=figures,
        by_length=[list(asdict(band).values()) for band in found.by_length],
        curve=record.curve,
        variance=[list(asdict(one).values()) for one in record.variance],
        **made_with(),
    )


def _shares(found: DateFigures) -> dict[str, float]:
    shares = {"exact_match": found.exact_match}
    if found.alignment.numel():
        shares["alignment"] = float(found.alignment.max())
    return shares
