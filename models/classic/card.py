"""The card of a model that was trained for one task: what it is, how it was made, and how well it does its task."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
import transformers

from models.errors import BadCard
from models.loading.catalog import CATALOG, Shipped

FILE = "task_card.json"


@dataclass(frozen=True, slots=True)
class TaskCard:
    """Every number is measured.

    task: "dates" or "stories". train_seconds: wall time on `device` with `threads` CPU threads. date: ISO, when training ended.
    figures: by name, shares from 0 to 1 (see models.classic.date_figures and memory_training). by_length: (shortest, longest,
    texts, right) of the common test set. curve: (step, loss in nats), means over the steps since the point before.
    variance: of hard attention, (step, without baseline, with baseline, expected); see models.classic.reinforce.
    """

    name: str
    task: str
    parameters: int
    recipe: Mapping[str, Any]
    train_seconds: float
    device: str
    threads: int
    torch: str
    transformers: str
    date: str
    licence: str
    trained_on: str
    command: str
    figures: Mapping[str, float]
    by_length: Sequence[Sequence[int]] = ()
    curve: Sequence[Sequence[float]] = ()
    variance: Sequence[Sequence[float]] = ()

    def write(self, folder: str | Path) -> None:
        """Write task_card.json and a README.md in the Hub's form for model cards."""
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False)
        place = Path(folder)
        (place / FILE).write_text(text + "\n", "utf-8")
        (place / "README.md").write_text(_readme(self), "utf-8")

    @classmethod
    def read(cls, folder: str | Path) -> TaskCard:
        """The card in a folder. Raises BadCard where there is none, or it is of another version."""
        path = Path(folder) / FILE
        try:
            held = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise BadCard(f"{path} cannot be read ({error}): train the model again, or do without.") from None
        known = {field.name for field in fields(cls)}
        if not isinstance(held, dict) or held.keys() != known:
            raise BadCard(f"{path} is not a card of this version: train the model again.")
        return cls(**held)


def made_with() -> dict[str, Any]:
    """What a card says of the machine and of the day, and under which licence the weights are given."""
    return {
        "device": "cpu",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "date": datetime.now(UTC).date().isoformat(),
        "licence": "Apache-2.0",
    }


def task_card(name: str | Path) -> TaskCard:
    """The card of a model that was trained for one task: of the catalogue, or in a folder. Raises BadCard."""
    known = CATALOG.get(str(name))
    if known is None:
        return TaskCard.read(name)
    if known.task == "any text" or not isinstance(known.source, Shipped):
        raise BadCard(
            f"“{name}” was not trained for one task; its card, where it has one, is given by card_of."
        )
    return TaskCard.read(known.source.folder)


def _readme(card: TaskCard) -> str:
    shares = "\n".join(f"| {name.replace('_', ' ')} | {share:.2%} |" for name, share in card.figures.items())
    return f"""---
license: {card.licence.lower()}
tags: [attention, headlight]
---

# {card.name}

{card.parameters:,} weights, trained by `{card.command}` in {card.train_seconds:,.0f} s on
{card.device} with {card.threads} threads (torch {card.torch}, {card.date}). {card.trained_on}

| measured | |
| --- | --- |
{shares}

Opened by `models.load("{card.name}")` of Headlight; the class is Headlight's own.
"""
