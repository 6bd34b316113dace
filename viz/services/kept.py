"""What all visitors share, kept in memory: each result made once, all of them within one number of bytes.

A result is found by what it was made from, never by who asked. What is weighed is what an entry really holds, every piece of
memory once however many entries share it, so that one that holds another's tensors cannot keep them for nothing.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, Generic, TypeVar, cast

import numpy as np
import streamlit as st
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

import models
from models.progress import Progress, no_progress

GIGABYTE = 2**30
MODEL_BYTES = int(float(os.environ.get("HEADLIGHT_MODEL_GB", "6")) * GIGABYTE)
RESULT_BYTES = int(float(os.environ.get("HEADLIGHT_CAPTURE_GB", "2")) * GIGABYTE)
SMALL_BYTES = 2**16
LOOK_S = 0.25  # between two looks whether another visitor's work is done, and so how soon one who waits can be called off
TRIM_BYTES = 64 * 2**20  # let go since the last time that the allocator was told to give memory back
TOKENIZER_BYTES = 250  # of one word: 9 to 12 MB measured for a vocabulary of 49,152, 5 to 7 for one of 30,522
WAITING = "The same is being worked out for somebody else"

T = TypeVar("T")
Pieces = dict[int, int]  # bytes of each piece of memory, by where it lies


def held(thing: Any) -> Pieces:
    """All memory that a result keeps alive, by place; loaded models are counted where they are kept."""
    found: Pieces = {}
    waiting, seen, small = [thing], set[int](), 0
    while waiting:
        one = waiting.pop()
        if isinstance(one, Tensor):
            storage = one.untyped_storage()
            found[storage.data_ptr()] = storage.nbytes()
        elif isinstance(one, np.ndarray):
            found[one.__array_interface__["data"][0]] = one.nbytes
        elif isinstance(one, PreTrainedTokenizerBase):
            found[id(one)] = TOKENIZER_BYTES * len(one)
        elif id(one) not in seen and not isinstance(one, _ELSEWHERE):
            seen.add(id(one))
            small += sys.getsizeof(one)
            waiting.extend(_inside(one))
    found[-id(thing)] = small  # no address: it is nobody else's
    return found


_ELSEWHERE = (nn.Module, models.AttentionModel, type)


def _inside(one: Any) -> Iterable[Any]:
    if isinstance(one, (str, bytes, int, float)) or one is None:
        return ()
    if isinstance(one, dict):
        return [*one, *one.values()]
    if isinstance(one, (list, tuple, set, frozenset)):
        return one
    if isinstance(one, FunctionType):
        return [cell.cell_contents for cell in one.__closure__ or ()]
    slots = [name for kind in type(one).__mro__ for name in getattr(kind, "__slots__", ())]
    fields = [getattr(one, name) for name in slots if hasattr(one, name)]
    return [*fields, *getattr(one, "__dict__", {}).values()]


def held_by_model(model: models.AttentionModel) -> Pieces:
    """Memory of a loaded model: weights, which converted models share with their originals, and its tokenizer."""
    tensors = (*model.module.parameters(), *model.module.buffers())
    return {**held(tensors), **held(model.tokenizer)}


@dataclass(slots=True)
class _Entry:
    value: Any
    weigh: Callable[[Any], Pieces]
    pieces: Pieces = field(default_factory=dict)


class Budget:
    """A number of bytes that several stores share; over all of them the least recently used entry goes first."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.changed = threading.Condition()
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._pieces: dict[int, tuple[int, int]] = {}  # how many entries hold each, and its bytes
        self._nbytes = self._let_go = 0
        self._used: set[Hashable] = set()  # since they were weighed: what is looked at grows

    @property
    def nbytes(self) -> int:
        """Of all stores, as last weighed, what they share counted once."""
        with self.changed:
            return self._nbytes

    def find(self, key: Hashable) -> Any:
        """The value kept under a key, as one that was just used; KeyError where there is none. Within `changed`."""
        value = self._entries[key].value
        self._entries.move_to_end(key)
        self._used.add(key)
        return value

    def __contains__(self, key: Hashable) -> bool:
        return key in self._entries

    def put(self, key: Hashable, value: Any, weigh: Callable[[Any], Pieces]) -> None:
        """Keep it, and let go of what no longer fits; a single value over the limit is kept alone. Within `changed`."""
        self._entries[key] = _Entry(value, weigh)
        self._used.add(key)
        for used in self._used & self._entries.keys():
            self._weigh(used)
        self._used.clear()
        for oldest in self._order_to_go():
            if self._nbytes <= self.limit:
                break
            self._drop(oldest)

    def give_back(self) -> None:
        """Have the allocator return what was let go to the system, once that is much: it would keep it, in pieces."""
        with self.changed:
            much = self._let_go > TRIM_BYTES
            self._let_go = 0 if much else self._let_go
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if much else None  # of glibc alone
        if trim is not None:
            trim(0)

    def entries_of(self, store: Kept[Any]) -> dict[Hashable, _Entry]:
        """What one store keeps, by key."""
        with self.changed:
            return {key: entry for (name, key), entry in cast(Any, self._entries).items() if name is store}

    def _weigh(self, key: Hashable) -> None:
        """Count what an entry holds now in place of what it held before."""
        entry = self._entries[key]
        before, entry.pieces = entry.pieces, entry.weigh(entry.value)
        for place, size in entry.pieces.items():
            holders, known = self._pieces.get(place, (0, 0))
            self._pieces[place] = holders + 1, size
            self._nbytes += size - known
        self._release(before)

    def _order_to_go(self) -> list[Hashable]:
        """The least recently used first, all but the newest; after them what is small, for it may have taken an hour."""
        return sorted(
            list(self._entries)[:-1], key=lambda key: sum(self._entries[key].pieces.values()) <= SMALL_BYTES
        )

    def _drop(self, key: Hashable) -> None:
        self._let_go += self._release(self._entries.pop(key).pieces)

    def _release(self, pieces: Pieces) -> int:
        """One holder less of each; how many bytes nobody holds any more."""
        freed = 0
        for place in pieces:
            holders, size = self._pieces.pop(place)
            if holders > 1:
                self._pieces[place] = holders - 1, size
            else:
                freed += size
        self._nbytes -= freed
        return freed


class Kept(Generic[T]):
    """Results of one sort, by what they were made from. Two visitors who ask for the same at once wait for one computation."""

    def __init__(self, budget: Budget, weigh: Callable[[T], Pieces] = held) -> None:
        self._budget, self._weigh = budget, weigh
        self._making: set[Hashable] = set()

    def get(self, key: Hashable, make: Callable[[], T], progress: Progress = no_progress) -> T:
        """The result kept under `key`, made now if there is none. What `make` raises is passed on, and not kept.

        progress: is told while another visitor makes it, and may break the waiting off by raising. Who waits for a computation
        that fails makes a try of its own.
        """
        while True:
            with self._budget.changed:
                if (self, key) in self._budget:
                    return cast(T, self._budget.find((self, key)))
                if key not in self._making:
                    self._making.add(key)
                    break
                self._budget.changed.wait(LOOK_S)
                still = key in self._making
            if still:
                progress(WAITING, 0.0)
        try:
            result = make()
            with self._budget.changed:
                self._budget.put((self, key), result, self._weigh)
            self._budget.give_back()
            return result
        finally:
            with self._budget.changed:
                self._making.discard(key)
                self._budget.changed.notify_all()

    def __contains__(self, key: Hashable) -> bool:
        with self._budget.changed:
            return (self, key) in self._budget

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def nbytes(self) -> int:
        """As last weighed, what its entries share counted once."""
        return sum(
            {place: size for one in self._kept.values() for place, size in one.pieces.items()}.values()
        )

    @property
    def _kept(self) -> dict[Hashable, _Entry]:
        return self._budget.entries_of(self)


@st.cache_resource(show_spinner=False)
def results() -> Budget:
    """The budget of all that is worked out."""
    return Budget(RESULT_BYTES)


@st.cache_resource(show_spinner=False)
def loaded() -> Budget:
    """The budget of models."""
    return Budget(MODEL_BYTES)
