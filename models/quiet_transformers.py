"""Silence for transformers: the engine reports progress to its caller and prints nothing."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from transformers.utils import logging

_counting = threading.Lock()
_before: list[
    tuple[bool, int]
] = []  # what was set before the first of those inside came, once for each of them


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """No progress bars and no advice from transformers inside; what was set before is restored.

    Both are settings of the whole process: of several threads inside at once the last one to leave restores them.
    """
    with _counting:
        if not _before:
            _before.append((logging.is_progress_bar_enabled(), logging.get_verbosity()))
            logging.disable_progress_bar()
            logging.set_verbosity_error()
        else:
            _before.append(_before[0])
    try:
        yield
    finally:
        with _counting:
            bars, level = _before.pop()
            if not _before:
                logging.set_verbosity(level)
                if bars:
                    logging.enable_progress_bar()
