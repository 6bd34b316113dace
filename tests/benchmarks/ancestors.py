"""How well the ancestors do their tasks, and how long each takes for a date, beside the one with soft attention."""

from __future__ import annotations

from collections.abc import Iterator

import models
from models.classic.answering import reporting, written_dates
from models.classic.date_figures import date_figures
from models.classic.date_models import DATE_MODELS
from models.classic.dates import unseen_examples
from models.classic.memory_training import measure_memory
from models.classic.story_model import MEMORY
from models.run.model import demand_tokenizer
from tests.benchmarks.measuring import in_turn, ratio
from tests.benchmarks.report import Line, from_ratio

ERROR_AT_MOST = {"classic-soft": 0.01, "classic-local": 0.01, "classic-cross": 0.01, "classic-hard": 0.03}
SOFT = "classic-soft"


def ancestors(share: int, rounds: int) -> Iterator[Line]:
    """share: one in so many of the unseen dates is read."""
    sample = unseen_examples()[::share]
    modules = {name: reporting(models.load(name, "cpu", "float32").module) for name in DATE_MODELS}
    for name, module in modules.items():
        found = date_figures(module, sample)
        looks = (
            f"looks right in {float(found.alignment.max()):.1%}"
            if found.alignment.numel()
            else "looks at nothing"
        )
        told = f"{found.texts:,} unseen dates; {looks}; its card says {1 - models.task_card(name).figures['exact_match']:.4f}"
        yield Line(
            f"{name}, share of dates read wrong",
            1 - found.exact_match,
            at_most=ERROR_AT_MOST.get(name),
            note=told,
        )
    text = sample[0].text
    timed = in_turn(
        {name: lambda module=module: written_dates(module, [text]) for name, module in modules.items()},
        rounds,
    )
    for name, seconds in timed.items():
        if name != SOFT:
            yield from_ratio(f"{name} / {SOFT}, time for one date", ratio(seconds, timed[SOFT]))
    memory = models.load(MEMORY, "cpu", "float32")
    for task, error in measure_memory(memory.module, demand_tokenizer(memory)).items():  # pyright: ignore[reportArgumentType]
        yield Line(f"{MEMORY}, error on questions in the manner of bAbI's task {task}", error, unit="%")
