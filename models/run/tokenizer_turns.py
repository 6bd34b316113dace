"""One thread at a time at a tokenizer that many share."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from transformers import PreTrainedTokenizerBase

_locks: WeakKeyDictionary[PreTrainedTokenizerBase, threading.RLock] = WeakKeyDictionary()
_making = threading.Lock()


@contextmanager
def alone_with(tokenizer: PreTrainedTokenizerBase) -> Generator[None]:
    """Wait until no other thread is at this tokenizer, and keep others from it inside.

    transformers switches some for the length of a call: to the vocabulary of the target and back (Marian), the marks of a
    language, padding and truncation in the backend that all calls share (NLLB, mBART; "Already borrowed").
    """
    with _making:
        lock = _locks.setdefault(tokenizer, threading.RLock())
    with lock:
        yield
