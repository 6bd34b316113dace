"""The memory network as it is shipped: trained, measured on questions that it never saw, and written with its card."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

import torch

from models.classic.card import TaskCard, made_with
from models.classic.memory_training import MemoryRecipe, TrainedMemory, train_memory
from models.progress import Progress, no_progress

MEMORY = "classic-memory"
TRAINED_ON = (
    "Trained on 1,000 questions of each of four tasks, on stories that models/classic/stories.py tells by chance in the manner "
    "of bAbI's tasks 1, 2, 3 and 15; tested on 1,000 other questions of each. These errors were seen while noise and weight "
    "decay were chosen."
)


def train_stories(name: str, folder: Path, seed: int = 0, *, progress: Progress = no_progress) -> TaskCard:
    """Train the memory network and write weights, config, tokenizer and card into `folder`."""
    recipe = MemoryRecipe()
    with torch.random.fork_rng(devices=[]):
        began = time.perf_counter()
        trained = train_memory(seed, progress, recipe)
        seconds = time.perf_counter() - began
    card = _card(name, trained, recipe, seed, seconds)
    folder.mkdir(parents=True, exist_ok=True)
    trained.module.save_pretrained(folder)
    trained.tokenizer.save_pretrained(folder)
    card.write(folder)
    return card


def _card(name: str, trained: TrainedMemory, recipe: MemoryRecipe, seed: int, seconds: float) -> TaskCard:
    return TaskCard(
        name=name,
        task="stories",
        parameters=sum(weight.numel() for weight in trained.module.parameters()),
        recipe=asdict(recipe) | {"seed": seed},
        train_seconds=round(seconds, 1),
        trained_on=TRAINED_ON,
        command=f"python -m models.classic.train {name} --seed {seed}",
        figures={f"error_on_task_{task}": error / 100 for task, error in trained.test_error.items()},
        **made_with(),
    )
