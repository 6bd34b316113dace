"""What was measured on this server, kept for all visitors: found by what was measured, never by who asked."""

from __future__ import annotations

import datetime
import platform
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import streamlit as st
import torch
import transformers

import models
from models.measuring.measurement import Contender, Measurement, demand_measurable, measure_in_turn
from models.progress import Progress, part
from viz import unforeseen
from viz.services.contenders import Entrant, clipped, contender, most_tokens
from viz.services.job import Cancelled
from viz.services.kept import Pieces, held_by_model, loaded

MOST_POINTS = 4_096
LEAST_REPEATS = 3  # of what is drawn: one alone may have been disturbed, and says nothing of how much
LOADING = 0.1  # of one contender's share of the progress: what goes to getting its model


@dataclass(frozen=True, slots=True)
class Cell:
    """How much one contender reads: `context` tokens of each of `batch` texts stand in its cache at the end."""

    context: int
    batch: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for: every context at the smallest batch, and every batch at the shortest context.

    new_tokens: how many of a context's tokens are written one by one; the rest is the prompt.
    """

    entrants: tuple[Entrant, ...]
    contexts: tuple[int, ...]
    batches: tuple[int, ...]
    new_tokens: int
    repeats: int

    def cells(self, most: int | None) -> tuple[Cell, ...]:
        """Of a model that takes `most` tokens, the quickest first."""
        contexts = clipped(self.contexts, most)
        few = min(self.batches)
        wanted = {Cell(context, few) for context in contexts}
        wanted |= {Cell(contexts[0], batch) for batch in self.batches}
        return tuple(sorted(wanted, key=lambda cell: (cell.context * cell.batch, cell.context)))


def first_look(plan: Plan) -> Plan:
    """As little of a plan as can be drawn: each contender at the first context and batch, warmed up and repeated."""
    repeats = min(plan.repeats, LEAST_REPEATS)
    return replace(plan, contexts=plan.contexts[:1], batches=plan.batches[:1], new_tokens=8, repeats=repeats)


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement, and on what and when it was made. when: UTC, ISO."""

    entrant: Entrant
    cell: Cell
    measured: Measurement
    repeats: int
    when: str
    processor: str
    torch: str
    transformers: str


@dataclass(slots=True)
class Told:
    """What a run could not measure, one sentence each, written while it runs."""

    sentences: list[str] = field(default_factory=list)

    def add(self, sentence: str) -> None:
        if sentence not in self.sentences:
            self.sentences.append(sentence)


class Shelf:
    """The last point of each contender and cell; the one asked for least recently goes first."""

    def __init__(self, most: int = MOST_POINTS) -> None:
        self._most = most
        self._points: OrderedDict[Hashable, Point] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, point: Point) -> None:
        with self._lock:
            key = _key(point.entrant, point.cell)
            self._points[key] = point
            self._points.move_to_end(key)
            while len(self._points) > self._most:
                self._points.popitem(last=False)

    def get(self, entrant: Entrant, cell: Cell) -> Point | None:
        """The point as this visitor names its contender."""
        with self._lock:
            key = _key(entrant, cell)
            if key not in self._points:
                return None
            self._points.move_to_end(key)
            return replace(self._points[key], entrant=entrant)


def _key(entrant: Entrant, cell: Cell) -> Hashable:
    return replace(entrant, label=""), cell


@st.cache_resource(show_spinner=False)
def shelf() -> Shelf:
    """The one of this server."""
    return Shelf()


def points(plan: Plan) -> tuple[Point, ...]:
    """What has been measured of a plan, contender by contender, shorter contexts and smaller batches first."""
    return tuple(
        point
        for entrant in plan.entrants
        for cell in plan.cells(most_tokens(entrant))
        if (point := shelf().get(entrant, cell)) is not None
    )


def run(plan: Plan, told: Told, progress: Progress = models.no_progress) -> None:
    """Measure all of a plan, contenders in turn, and put each result on the shelf as soon as it is there.

    What cannot be measured is told in a sentence, and the rest is measured all the same. What `progress` raises breaks off.
    """
    done = 0
    for ready in _together(plan, told, progress):
        begin, done = done / len(plan.entrants), done + len(ready)
        _run_together(
            plan, ready, told, part(progress, begin + LOADING / len(plan.entrants), done / len(plan.entrants))
        )


def _run_together(
    plan: Plan, ready: Sequence[tuple[Entrant, Contender]], told: Told, progress: Progress
) -> None:
    """Measure those whose models are there, in turn."""
    groups: dict[Cell, list[tuple[Entrant, Contender]]] = defaultdict(list)
    for entrant, made in ready:
        for cell in plan.cells(made.model.geometry.context):
            groups[cell].append((entrant, made))
    weights = {cell: cell.context * cell.batch**0.5 * len(group) for cell, group in groups.items()}
    total, done = sum(weights.values()), 0.0
    for cell in sorted(groups, key=lambda cell: (cell.context * cell.batch, cell.context)):
        ends = done + weights[cell]
        _measure(plan, cell, groups[cell], told, part(progress, done / total, ends / total))
        done = ends


def _together(plan: Plan, told: Told, progress: Progress) -> Iterator[list[tuple[Entrant, Contender]]]:
    """Those whose models can be had, as many at a time as the memory for models has room for."""
    ready: list[tuple[Entrant, Contender]] = []
    pieces: Pieces = {}
    for index, entrant in enumerate(plan.entrants):
        try:
            made = contender(
                entrant, part(progress, index / len(plan.entrants), (index + LOADING) / len(plan.entrants))
            )
        except Cancelled:
            raise
        except Exception as error:
            told.add(f"{entrant.label}: {_why(error)}")
            continue
        pieces |= held_by_model(made.model)
        if ready and sum(pieces.values()) > loaded().limit:
            names = ", ".join(one.label for one, _ in ready)
            told.add(
                f"{entrant.label} was measured after {names}, not in turn with them: HEADLIGHT_MODEL_GB leaves no room for all."
            )
            yield ready
            ready, pieces = [], held_by_model(made.model)
        ready.append((entrant, made))
    if ready:
        yield ready


def _measure(
    plan: Plan, cell: Cell, group: Sequence[tuple[Entrant, Contender]], told: Told, progress: Progress
) -> None:
    prompt = cell.context - plan.new_tokens
    fit = []
    for entrant, made in group:
        try:
            demand_measurable(made, prompt, plan.new_tokens, cell.batch)
            fit.append((entrant, made))
        except models.BadSelection as error:
            told.add(_refused(entrant, cell, prompt, plan.new_tokens, error))
    if fit:
        _measure_fitting(plan, cell, fit, told, progress)


def _measure_fitting(
    plan: Plan, cell: Cell, fit: Sequence[tuple[Entrant, Contender]], told: Told, progress: Progress
) -> None:
    where = f"{cell.context:,} tokens" + (f" x {cell.batch}" if cell.batch > 1 else "")
    try:
        results = measure_in_turn(
            [made for _, made in fit],
            cell.context - plan.new_tokens,
            plan.new_tokens,
            cell.batch,
            plan.repeats,
            progress=lambda message, share: progress(f"{where}: {message}", share),
        )
    except Cancelled:
        raise
    except (
        Exception
    ) as error:  # any model may be asked for, and one that fails must not take the others with it
        if len(fit) > 1:
            for one in fit:
                _measure_fitting(plan, cell, [one], told, progress)
        else:
            told.add(f"{fit[0][0].label}, {where}: {_why(error)}")
        return
    for (entrant, _), result in zip(fit, results, strict=True):
        shelf().put(_point(entrant, cell, result, plan.repeats))


def _why(error: Exception) -> str:
    return unforeseen.sentence(
        error, "the measurement", "a shorter context, a smaller batch or another model"
    )


def _refused(entrant: Entrant, cell: Cell, prompt: int, new_tokens: int, error: models.BadSelection) -> str:
    if prompt < 1:
        return (
            f"{entrant.label}: a context of {cell.context:,} leaves no prompt before {new_tokens:,} new tokens; take a longer "
            "context or fewer new tokens."
        )
    return f"{entrant.label}: {error}"


def _point(entrant: Entrant, cell: Cell, result: Measurement, repeats: int) -> Point:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return Point(
        entrant,
        cell,
        result,
        repeats,
        now,
        _processor(result.device),
        torch.__version__,
        transformers.__version__,
    )


def _processor(device: str) -> str:
    """What the device calls itself."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
