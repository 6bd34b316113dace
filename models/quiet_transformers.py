"""Silence for transformers: the engine reports progress to its caller and prints nothing."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from transformers.utils import logging


class _Silence:
    """What is set for the whole process: the first of several at once sets it, and the last sets it back."""

    def __init__(self) -> None:
        self._one = threading.Lock()
        self._inside = 0
        self._before = True, logging.get_verbosity()

    def enter(self) -> None:
        with self._one:
            self._inside += 1
            if self._inside == 1:
                self._before = logging.is_progress_bar_enabled(), logging.get_verbosity()
                logging.disable_progress_bar()
                logging.set_verbosity_error()

    def leave(self) -> None:
        with self._one:
            self._inside -= 1
            if not self._inside:
                bars, level = self._before
                logging.set_verbosity(level)
                if bars:
                    logging.enable_progress_bar()


_silence = _Silence()


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """No progress bars and no advice from transformers inside; what was set before is restored."""
    _silence.enter()
    try:
        yield
    finally:
        _silence.leave()
