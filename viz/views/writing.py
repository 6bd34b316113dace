"""A continuation that is written in the background, so that a click can stop it.

What a fragment is busy with, no click inside of that fragment interrupts: Streamlit runs the next one when it is done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator


class Writing:
    """Pieces of text from `pieces()`, gathered by a thread of their own until they end or `stop` is called."""

    def __init__(self, pieces: Callable[[], Iterator[str]]) -> None:
        self._pieces = pieces
        self._stopped = threading.Event()
        self._text = ""
        self._error: Exception | None = None
        # A daemon: nobody waits for a text when the server is told to end.
        self._thread = threading.Thread(target=self._write, name="writing", daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        """What is written so far."""
        return self._text

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

    def _write(self) -> None:
        try:
            for piece in self._pieces():
                if self._stopped.is_set():
                    return
                self._text += piece
        except Exception as error:
            self._error = error
