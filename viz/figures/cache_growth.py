"""A cache that grows while a model writes: counted token by token, on the lines that the kinds of attention foretell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go

from models.shape.attention_geometry import Kind
from viz import theme
from viz.figures.kinds import KIND_STYLES
from viz.figures.layout.axes import axis
from viz.figures.layout.chart import Part, chart, scatter
from viz.figures.layout.lines import note
from viz.figures.layout.ticks import byte_ticks
from viz.figures.number_text import told_bytes

HEIGHT = 190  # pixels
_LABEL = 0.1  # of the axis, which a label's line takes


@dataclass(frozen=True, slots=True)
class KindLine:
    """points: (tokens, bytes) by formula, with tokens rising. own: whether it is what the model itself has."""

    label: str
    kind: Kind
    points: tuple[tuple[int, int], ...]
    own: bool = False


@dataclass(frozen=True, slots=True)
class Grown:
    """What was counted of one cache: (tokens, bytes) after each step."""

    label: str
    kind: Kind
    counted: Sequence[tuple[int, int]]


def cache_growth(lines: Sequence[KindLine], grown: Sequence[Grown], *, dark: bool = False) -> go.Figure:
    """Plotly figure: thin lines by formula with their names at the end, a thick one for each cache as far as it is."""
    drawn = [point for line in lines for point in line.points] + [p for one in grown for p in one.counted]
    last, most = (max(place[side] for place in drawn) if drawn else 1 for side in (0, 1))
    tickfont = {"size": 11, "color": theme.muted(dark)}
    tokens = {"text": "tokens in the cache", "standoff": 4, "font": tickfont}
    return chart(
        [*(_formula(line, dark) for line in lines), *(_counted(one, dark) for one in grown)],
        axis(
            "",
            dark,
            zero=theme.GRID,
            title=tokens,
            range=[0, last],
            nticks=6,
            tickfont=tickfont,
            automargin=False,
        ),
        axis("", dark, zero=theme.GRID, range=[0, most * 1.04], tickfont=tickfont) | byte_ticks(most),
        dark=dark,
        height=HEIGHT,
        margin={"l": 8, "r": 128, "t": 8, "b": 34},
        uirevision="growing",
        annotations=_named_ends(lines, most, dark),
    )


def _formula(line: KindLine, dark: bool) -> Part:
    style = KIND_STYLES[line.kind]
    return scatter(
        x=[tokens for tokens, _ in line.points],
        y=[held for _, held in line.points],
        mode="lines",
        line={"color": style.colour(dark), "dash": style.dash, "width": 1.5},
        opacity=0.9,
        hovertemplate=f"<b>{escape(line.label)}</b><br>%{{x:,}} tokens: %{{y:,}} bytes (formula)<extra></extra>",
    )


def _counted(one: Grown, dark: bool) -> Part:
    style = KIND_STYLES[one.kind]
    return scatter(
        x=[tokens for tokens, _ in one.counted],
        y=[held for _, held in one.counted],
        mode="lines+markers",
        line={"color": style.colour(dark), "width": 5},
        marker={
            "symbol": style.symbol,
            "size": [0] * (len(one.counted) - 1) + [13],
            "opacity": 1,
            "line": {"width": 0},
        },
        cliponaxis=False,
        hovertemplate=f"<b>{escape(one.label)}</b><br>%{{x:,}} tokens: %{{y:,}} bytes (measured)<extra></extra>",
    )


def _named_ends(lines: Sequence[KindLine], most: int, dark: bool) -> list[Part]:
    """Each line's name and bytes right of its end, moved apart where they would run into each other."""
    ends = sorted(lines, key=lambda line: line.points[-1][1])
    places = moved_apart([line.points[-1][1] / most for line in ends], _LABEL)
    return [
        note(
            f"<b>{_named(line)}</b>" if line.own else _named(line), KIND_STYLES[line.kind].colour(dark), 11,
            x=1, xref="paper", xanchor="left", xshift=6, y=place * most, yanchor="middle", align="left",
        )
        for line, place in zip(ends, places, strict=True)
    ]  # fmt: skip


def _named(line: KindLine) -> str:
    return f"{escape(line.label)} {told_bytes(line.points[-1][1])}"


def moved_apart(places: Sequence[float], gap: float) -> list[float]:
    """Rising places between 0 and 1, pushed up until they lie `gap` apart, and then down again from the top."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap) if moved else place)
    top = 1.0
    for index in reversed(range(len(moved))):
        moved[index] = min(moved[index], top)
        top = moved[index] - gap
    return moved
