"""What the ancestors of today's attention answer and where they look, kept and shared by all visitors."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import streamlit as st

import models
from models.classic.answering import DateAnswer, written_dates
from models.classic.date_reading import demand_date
from models.classic.hard_reading import HardReading, read_hard
from models.classic.local_reading import LocalReading, read_local
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
    """One of them, loaded once for all. Raises HeadlightError."""
    return model(name, "auto")


def answer(name: str, text: str) -> DateAnswer:
    """What a model writes for a text. Raises BadText for one that says no date."""
    return _read("answer", name, text, lambda loaded: _answer(loaded, text))


def timed_answer(name: str, text: str) -> TimedAnswer:
    """The same with how long it takes. Raises BadText."""
    return _read("time", name, text, lambda loaded: _timed(loaded, text))


def hard_reading(text: str) -> HardReading:
    """What classic-hard draws. Raises BadText."""
    return _read("draws", "classic-hard", text, lambda loaded: read_hard(loaded, text))


def local_reading(text: str) -> LocalReading:
    """The windows of classic-local. Raises BadText."""
    return _read("windows", "classic-local", text, lambda loaded: read_local(loaded, text))


def _read(what: str, name: str, text: str, read: Callable[[models.AttentionModel], T]) -> T:
    def make() -> T:
        demand_date(text)
        loaded = ancestor(name)
        with turn(models.no_progress):
            return read(loaded)

    return _readings().get((what, name, text), make)


def _answer(loaded: models.AttentionModel, text: str) -> DateAnswer:
    return written_dates(loaded.module, [text])[0]


def _timed(loaded: models.AttentionModel, text: str) -> TimedAnswer:
    found, times = _answer(loaded, text), []
    for _ in range(TIMED_PASSES):
        began = time.perf_counter()
        _answer(loaded, text)
        times.append(time.perf_counter() - began)
    return TimedAnswer(found, min(times))
