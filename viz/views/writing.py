"""A continuation that is written in the background, so that a click can stop it.

What a fragment is busy with, no click inside of that fragment interrupts: Streamlit runs the next one when it is done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from models.generation import WritingStep

Heard = Callable[[WritingStep], None]


class Writing:
    """Pieces of text from `write`, gathered by a thread of their own until they end or `stop` is called.

    write: takes what is to be told of each step, and gives the pieces.
    """

    def __init__(self, write: Callable[[Heard], Iterator[str]]) -> None:
        self._write = write
        self._stopped = threading.Event()
        self._pieces: list[str] = []
        self._steps: list[WritingStep] = []
        self._error: Exception | None = None
        # A daemon: nobody waits for a text when the server is told to end.
        self._thread = threading.Thread(target=self._gather, name="writing", daemon=True)
        self._thread.start()

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

    @property
    def error(self) -> Exception | None:
        """What broke it off, if something did."""
        return self._error

    @property
    def running(self) -> bool:
        return self._thread.is_alive() and not self._stopped.is_set()

    def stop(self) -> None:
        """No further piece is taken; what is written stays."""
        self._stopped.set()

    def wait(self, seconds: float) -> None:
        """Until it is done, but no longer than that."""
        self._thread.join(seconds)

    def _gather(self) -> None:
        try:
            for piece in self._write(self._steps.append):
                if self._stopped.is_set():
                    return
                self._pieces.append(piece)
        except Exception as error:
            self._error = error
