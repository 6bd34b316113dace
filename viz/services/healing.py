"""A healing run of one visitor, which goes on in a process of its own: begun, followed to its end, stopped politely."""

from __future__ import annotations

from collections.abc import Callable

import models
from models.progress import Progress
from viz.services.job import Job
from viz.services.lanes import HEALING

LOOK_EVERY_S = 0.5


class Healing(Job[None]):
    """The process that `start` begins, once its turn has come. Whoever leaves the page leaves a checkpoint behind."""

    def __init__(self, start: Callable[[Progress], models.HealingRun]) -> None:
        self.run: models.HealingRun | None = None
        super().__init__(lambda _: self._follow(start), HEALING)

    def stop(self) -> None:
        """Have it write a checkpoint, from which it can go on, and end."""
        if self.run is None:
            self.cancel()
        else:
            self.run.stop()

    def _follow(self, start: Callable[[Progress], models.HealingRun]) -> None:
        self.run = run = start(self)
        try:
            steps = -1
            while run.running:
                told = run.progress
                self(_sentence(told), told.fraction)
                if told.step != steps:
                    steps = told.step
                    self.announce()
                run.wait(LOOK_EVERY_S)
        finally:
            run.stop()


def _sentence(told: models.HealingProgress) -> str:
    speed = f", {told.tokens_per_second:,.0f} tokens per second" if told.tokens_per_second else ""
    step = f", step {told.step} of {told.steps}" if told.steps else ""
    return f"{told.stage.capitalize()}{step}{speed}"
