"""torch's default number format belongs to the whole process, and transformers changes it while it builds a model.

A pass that makes a tensor meanwhile, in another thread, would make it in that format: half of a mask in bfloat16. And of two
builders at once the one that ends last would put back what the other had set. So whoever builds a model in another format than
the process's has the process to itself; passes share it, and so do those who build in the format that is set anyway.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

import torch


class _Rooms:
    """Many inside at once, or one alone. Who wants to be alone comes before those who come later."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = self._want_alone = 0
        self._alone = False
        self._own = threading.local()  # how often this thread is inside: it never waits for itself

    @contextmanager
    def shared(self) -> Generator[None]:
        own = getattr(self._own, "times", 0)
        if not own:
            with self._changed:
                self._changed.wait_for(lambda: not self._alone and not self._want_alone)
                self._inside += 1
        self._own.times = own + 1
        try:
            yield
        finally:
            self._own.times = own
            if not own:
                with self._changed:
                    self._inside -= 1
                    self._changed.notify_all()

    @contextmanager
    def alone(self) -> Generator[None]:
        if getattr(self._own, "times", 0):
            raise RuntimeError(
                "A model is built in the middle of a pass of the same thread, which would wait for itself."
            )
        with self._changed:
            self._want_alone += 1
            try:
                self._changed.wait_for(lambda: not self._alone and not self._inside)
                self._alone = True
            finally:
                self._want_alone -= 1
        self._own.times = 1  # what is run while a model is built is inside with it
        try:
            yield
        finally:
            self._own.times = 0
            with self._changed:
                self._alone = False
                self._changed.notify_all()


_rooms = _Rooms()


@contextmanager
def default_dtype_kept() -> Generator[None]:
    """Inside, nobody changes torch's default number format: for a pass, which makes tensors as its class was written."""
    with _rooms.shared():
        yield


@contextmanager
def default_dtype_changed(dtype: torch.dtype) -> Generator[None]:
    """Inside, transformers may set torch's default number format to `dtype` and back: for building a model.

    Not to be entered from within `default_dtype_kept` by the same thread, which would wait for itself: raises RuntimeError.
    """
    with _rooms.shared():  # only from inside is it known to be the process's own
        is_default = dtype == torch.get_default_dtype()
        if is_default:
            yield
    if not is_default:
        with _rooms.alone():
            yield
