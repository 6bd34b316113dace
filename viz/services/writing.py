"""A continuation that is written in the background, so that a click can stop it and the browser show it as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from models.look.generation import WritingStep
from viz.figures.token_text import visible_lines
from viz.services.job import Job
from viz.services.lanes import WRITING

Heard = Callable[[WritingStep], None]


class Writing(Job[None]):
    """Pieces of text from `write`, gathered until they end or it is cancelled; what is written then stays.

    write: takes what is to be told of each step, and gives the pieces.
    """

    def __init__(self, write: Callable[[Heard], Iterator[str]]) -> None:
        self._pieces: list[str] = []
        self._steps: list[WritingStep] = []
        super().__init__(lambda _: self._gather(write), WRITING)

    @property
    def pieces(self) -> tuple[str, ...]:
        """What is written so far, token by token."""
        return tuple(self._pieces)

    @property
    def text(self) -> str:
        """What is written so far."""
        return "".join(self._pieces)

    @property
    def steps(self) -> tuple[WritingStep, ...]:
        """The steps so far; the first read the text."""
        return tuple(self._steps)

    def live(self) -> list[str]:
        """What is written so far, token by token, as it may stand on a page."""
        return [visible_lines(piece) for piece in self._pieces]

    def _gather(self, write: Callable[[Heard], Iterator[str]]) -> None:
        self("Writing", 0.0)
        for piece in write(self._steps.append):
            self.check()
            self._pieces.append(piece)
            self.announce()
