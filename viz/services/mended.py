"""What each kind of attention fixed, measured on a visitor's input; kept and shared by all visitors."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

import streamlit as st
from jaxtyping import Float32
from torch import Tensor

import models
from models.classic.answering import reporting
from models.classic.cache_of_text import CacheOfText, cache_in_name_only, cache_of_text
from models.classic.date_reading import DateSaid
from models.classic.hops_in_turn import HopsInTurn, hops_in_turn
from models.classic.lengthening import ReadByLength, lengthened, read_by_length
from models.classic.local_reading import LocalReading
from models.classic.many_heads import WithoutHeads, stack_patterns, without_each_head
from models.classic.nominal_latent import NominalLatentConfig
from models.classic.reading_cost import LENGTHS, ReadingTime, reading_times
from models.classic.window_use import WindowUse, window_use
from models.measuring.one_at_a_time import TURNS
from models.progress import Progress, part
from models.shape.family import KINDS, family_name
from viz.services import ancestors
from viz.services.kept import Kept, results
from viz.services.lanes import turn
from viz.services.runs import model

BY_LENGTH = ("classic-none", "classic-soft")
CROSS = "classic-cross"
IN_NAME_ONLY = "in name only"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HeadsOnDate:
    """What every head of one stack looks at in a date, and what is lost without each."""

    patterns: Float32[Tensor, "layer head query key"]
    without: WithoutHeads


@st.cache_resource(show_spinner=False)
def _found() -> Kept[Any]:
    """By what was asked, and of which text."""
    return Kept(results())


def by_length(text: str, said: DateSaid, progress: Progress = models.no_progress) -> dict[str, ReadByLength]:
    """How often the models of BY_LENGTH read a date right with more and more words around it; the same draws for both."""

    def make() -> dict[str, ReadByLength]:
        texts, found = lengthened(text), dict[str, ReadByLength]()
        for place, name in enumerate(BY_LENGTH):
            progress(f"{ancestors.TITLES[name]}: reading longer and longer texts", place / len(BY_LENGTH))
            module = reporting(ancestors.ancestor(name).module)
            with turn(progress):
                found[name] = read_by_length(module, texts, said.iso)
        return found

    return _get(("length", text), make, progress)


def hops(text: str, progress: Progress = models.no_progress) -> HopsInTurn:
    """A story with each hop off in turn. Raises BadText."""
    return _in_turn(
        ("hops", text), lambda: hops_in_turn(ancestors.ancestor(ancestors.MEMORY), text), progress
    )


def reading_cost(places: int, progress: Progress = models.no_progress) -> tuple[ReadingTime, ...]:
    """Of a source of so many places and of longer ones, at the width of classic-hard. Waits its turn as any measurement."""
    width = ancestors.ancestor("classic-hard").module.config.hidden_size
    lengths = sorted({places, *(length for length in LENGTHS if length > places)})

    def make() -> tuple[ReadingTime, ...]:
        with TURNS.mine(progress):
            return reading_times(width, lengths, progress=progress)

    return _get(("reading", places), make, progress)


def window(text: str, said: DateSaid) -> tuple[LocalReading, WindowUse]:
    """Where classic-local looks, and what its window takes in."""
    reading = ancestors.local_reading(text)
    return reading, window_use(reading, said.origins)


def heads(text: str, said: DateSaid, stack: str, progress: Progress = models.no_progress) -> HeadsOnDate:
    """The heads of a stack of classic-cross on a date whose right answer they are given."""

    def make() -> HeadsOnDate:
        loaded = ancestors.ancestor(CROSS)
        return HeadsOnDate(
            stack_patterns(loaded, text, said.iso, stack), without_each_head(loaded, text, said.iso, stack)
        )

    return _in_turn(("heads", stack, text), make, progress)


def caches(text: str, progress: Progress = models.no_progress) -> dict[str, CacheOfText]:
    """What the family's live caches keep of a text, by kind, and the module that is latent in name only. Raises BadText."""

    def make() -> dict[str, CacheOfText]:
        found: dict[str, CacheOfText] = {}
        for place, kind in enumerate(KINDS):
            told = part(progress, place / len(KINDS), (place + 1) / len(KINDS))
            told(f"{kind.upper()} reads the text", 0.0)
            loaded = model(family_name(kind), "auto", progress=told)
            with turn(told):
                found[kind] = cache_of_text(loaded, text)
        mha = found["mha"]
        config = NominalLatentConfig(mha.shape.d_model, mha.shape.heads)
        return found | {IN_NAME_ONLY: cache_in_name_only(config, mha.tokens)}

    return _get(("caches", text), make, progress)


def _in_turn(key: Hashable, read: Callable[[], T], progress: Progress) -> T:
    def make() -> T:
        with turn(progress):
            return read()

    return _get(key, make, progress)


def _get(key: Hashable, make: Callable[[], T], progress: Progress) -> T:
    return _found().get(key, make, progress)
