"""What the ancestors of today's attention answer and where they look, kept and shared by all visitors."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import streamlit as st
from transformers import PreTrainedModel

import models
from models.classic.answering import DateAnswer, reporting, written_dates
from models.classic.date_reading import demand_date
from models.classic.hard_reading import HardReading, read_hard
from models.classic.local_reading import LocalReading, read_local
from models.classic.memory_reading import (
    MemoryReading,
    WithoutSentences,
    read_memories,
    without_each_sentence,
)
from viz.services.kept import Kept, results
from viz.services.lanes import turn
from viz.services.runs import model

TITLES = {
    "classic-none": "No attention",
    "classic-soft": "Soft",
    "classic-hard": "Hard",
    "classic-local": "Local",
    "classic-cross": "Self and cross",
}
DATE_MODELS = tuple(TITLES)
MEMORY = "classic-memory"
TIMED_PASSES = 5

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TimedAnswer:
    """seconds: the least of TIMED_PASSES over this one text, on this machine."""

    answer: DateAnswer
    seconds: float


@st.cache_resource(show_spinner=False)
def _readings() -> Kept[Any]:
    """By what was asked, of which model, of which text."""
    return Kept(results())


def ancestor(name: str) -> models.AttentionModel:
    """One of them, loaded once for all, in the numbers that its card was measured in. Raises HeadlightError."""
    return model(name, "auto", "float32")


def answer(name: str, text: str) -> DateAnswer:
    """What a model writes for a text. Raises BadText for one that says no date."""
    return _read("answer", name, text, lambda loaded: _answer(reporting(loaded.module), text))


def timed_answers(text: str) -> dict[str, TimedAnswer]:
    """What each model that reads dates writes, and how long it takes, measured in turn. Raises BadText."""
    demand_date(text)
    return _readings().get(("times", text), lambda: _timed(text))


def hard_reading(text: str) -> HardReading:
    """What classic-hard draws. Raises BadText."""
    return _read("draws", "classic-hard", text, lambda loaded: read_hard(loaded, text))


def local_reading(text: str) -> LocalReading:
    """The windows of classic-local. Raises BadText."""
    return _read("windows", "classic-local", text, lambda loaded: read_local(loaded, text))


def story_reading(text: str) -> tuple[MemoryReading, WithoutSentences]:
    """What the memory network does with a story, and without each of its sentences. Raises BadText."""
    return _kept(
        "story",
        MEMORY,
        text,
        lambda loaded: (read_memories(loaded, text), without_each_sentence(loaded, text)),
    )


def _read(what: str, name: str, text: str, read: Callable[[models.AttentionModel], T]) -> T:
    demand_date(text)
    return _kept(what, name, text, read)


def _kept(what: str, name: str, text: str, read: Callable[[models.AttentionModel], T]) -> T:
    def make() -> T:
        loaded = ancestor(name)
        with turn(models.no_progress):
            return read(loaded)

    return _readings().get((what, name, text), make)


def _answer(module: PreTrainedModel, text: str) -> DateAnswer:
    return written_dates(module, [text])[0]


def _timed(text: str) -> dict[str, TimedAnswer]:
    modules = {name: reporting(ancestor(name).module) for name in DATE_MODELS}
    seconds: dict[str, list[float]] = {name: [] for name in modules}
    found: dict[str, DateAnswer] = {}
    with turn(models.no_progress):
        for _ in range(TIMED_PASSES):
            for name, module in modules.items():
                began = time.perf_counter()
                found[name] = _answer(module, text)
                seconds[name].append(time.perf_counter() - began)
    return {name: TimedAnswer(found[name], min(seconds[name])) for name in modules}
