"""While a model writes: how many tokens a second, and how its cache grows beside what other kinds of attention keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import streamlit as st

import models
from models.run.inputs import count_tokens
from models.shape.attention_geometry import KIND_NAMES
from viz.figures.cache_growth import Grown, KindLine, cache_growth
from viz.figures.layout.config import WITHOUT_BAR
from viz.figures.number_text import told_bytes
from viz.services.cache_lines import CacheLines, cache_lines
from viz.services.writing import Heard, Writing

_ORDER = tuple(KIND_NAMES)
_ANY_LENGTH = 2**31  # a text that is too long is refused where it is read
RECENT = 16  # steps whose median is the speed
_HELP = {
    "speed": "Measured: the median of the last 16 steps of one token each.",
    "read": "Measured: the forward pass over the whole text, until the first new token was chosen.",
    "cache": "Measured: summed from the tensors of the live cache; below it, what the formula says.",
}


@dataclass(frozen=True, slots=True)
class Lane:
    """One that writes. label: its name in the picture; geometry: of its model, which is not kept for as long as the text is."""

    label: str
    geometry: models.Geometry
    writing: Writing


@dataclass(frozen=True, slots=True)
class LiveStrip:
    """Lanes of one text, and what the formulas say of each one's model. Kept in the visitor's session."""

    lanes: tuple[Lane, ...]
    formulas: tuple[CacheLines, ...]

    @property
    def lines(self) -> tuple[KindLine, ...]:
        """By formula: every lane's own, and what the first one's model would keep as the other kinds."""
        own = [line for each in self.formulas for line in each.lines if line.own]
        shown = {line.label: line for line in (*own, *self.formulas[0].lines)}
        return tuple(sorted(shown.values(), key=lambda line: (_ORDER.index(line.kind), line.label)))


Writer = tuple[
    str, models.AttentionModel, Callable[[Heard], Iterator[str]]
]  # its label, its model, and what writes


def live_strip(writers: Sequence[Writer], text: str, new_tokens: int) -> LiveStrip:
    """Have each write so many tokens after a text. A tenth of a second a model."""
    formulas = tuple(_formulas(model, text, new_tokens) for _, model, _ in writers)
    return LiveStrip(
        tuple(Lane(label, model.geometry, Writing(write)) for label, model, write in writers), formulas
    )


def _formulas(model: models.AttentionModel, text: str, new_tokens: int) -> CacheLines:
    read = count_tokens(model, text, max_tokens=_ANY_LENGTH)
    if model.geometry.role == "encoder-decoder":
        return cache_lines(model, new_tokens, source_tokens=read)
    return cache_lines(model, min(read + new_tokens, model.geometry.context or _ANY_LENGTH))


def pace(strip: LiveStrip, lane: int) -> None:
    """Speed, time for the text and cache of one lane, as far as it is."""
    steps = strip.lanes[lane].writing.steps
    speeds = [1 / step.seconds for step in steps[1:][-RECENT:]]
    left, middle, right = st.columns([1, 1, 1.2], gap="small")
    left.metric("Tokens per second", f"{median(speeds):.3g}" if speeds else "–", help=_HELP["speed"])
    middle.metric("Text read in", _seconds(steps[0].seconds) if steps else "–", help=_HELP["read"])
    held = steps[-1].cache if steps else None
    if held is None:
        right.metric("Cache", "none" if steps else "–", help=_HELP["cache"])
        return
    expected = strip.formulas[lane].own_bytes(steps[-1].tokens)
    right.metric(
        f"Cache of {steps[-1].tokens:,} tokens", told_bytes(held.used), _against(held.used, expected),
        delta_color="off" if expected in (held.used, None) else "inverse", delta_arrow="off", help=_HELP["cache"],
    )  # fmt: skip


def _against(counted: int, expected: int | None) -> str:
    if expected is None:
        return "no formula for it"
    return "as the formula says" if counted == expected else f"the formula says {told_bytes(expected)}"


def _seconds(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def kinds_shown(strip: LiveStrip, *, key: str) -> list[str]:
    """Asks which kinds of attention the picture compares with."""
    names = {line.label: KIND_NAMES[line.kind] for line in strip.lines}
    labels = list(names)
    if len(labels) < 2:
        return labels
    return st.pills(
        "Cache by formula, as", labels, selection_mode="multi", default=labels, key=key,
        help="The same layers and heads with "
        + "; ".join(f"{label}: {name}" for label, name in names.items())
        + ". What writes is bold.",
    )  # fmt: skip


def growth(strip: LiveStrip, shown: list[str], *, key: str, dark: bool) -> None:
    """The picture: thick what was counted, thin what the formulas foretell."""
    lines = [line for line in strip.lines if line.label in shown]
    grown = [
        Grown(
            lane.label,
            lane.geometry.kind,
            [(step.tokens, step.cache.used) for step in lane.writing.steps if step.cache],
        )
        for lane in strip.lanes
    ]
    st.plotly_chart(
        cache_growth(lines, [one for one in grown if one.counted], dark=dark),
        key=key, theme=None, config=WITHOUT_BAR,
        alt="Bytes of the cache against tokens: counted while the model writes, and by formula for each kind of attention",
    )  # fmt: skip
    together = " Both write at once and share the device." * (len(strip.lanes) > 1)
    st.caption(
        f"Thick: *measured* on the live cache. Thin: *formula*, up to the last token asked for.{together}"
    )
