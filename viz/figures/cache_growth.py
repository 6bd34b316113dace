"""A cache that grows while a model writes: counted token by token, on the lines that the kinds of attention foretell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10

import plotly.graph_objects as go

from models.shape.attention_geometry import Kind
from viz import theme
from viz.figures.costs.layout import GRID, told_bytes
from viz.figures.kinds import KIND_STYLES

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
    figure = go.Figure()
    for line in lines:
        figure.add_trace(_formula(line, dark))
    for one in grown:
        figure.add_trace(_counted(one, dark))
    drawn = [point for line in lines for point in line.points] + [p for one in grown for p in one.counted]
    last, most = (max(place[axis] for place in drawn) if drawn else 1 for axis in (0, 1))
    _lay_out(figure, last, most, dark)
    _name_ends(figure, lines, most, dark)
    return figure


def _formula(line: KindLine, dark: bool) -> go.Scatter:
    style = KIND_STYLES[line.kind]
    return go.Scatter(
        x=[tokens for tokens, _ in line.points],
        y=[held for _, held in line.points],
        mode="lines",
        line={"color": style.colour(dark), "dash": style.dash, "width": 1.5},
        opacity=0.9,
        hovertemplate=f"<b>{escape(line.label)}</b><br>%{{x:,}} tokens: %{{y:,}} bytes (formula)<extra></extra>",
    )


def _counted(one: Grown, dark: bool) -> go.Scatter:
    style = KIND_STYLES[one.kind]
    return go.Scatter(
        x=[tokens for tokens, _ in one.counted],
        y=[held for _, held in one.counted],
        mode="lines+markers",
        line={"color": style.colour(dark), "width": 5},
        marker={"symbol": style.symbol, "size": [0] * (len(one.counted) - 1) + [13], "opacity": 1},
        cliponaxis=False,
        hovertemplate=f"<b>{escape(one.label)}</b><br>%{{x:,}} tokens: %{{y:,}} bytes (measured)<extra></extra>",
    )


def _lay_out(figure: go.Figure, last: int, most: int, dark: bool) -> None:
    muted = theme.MUTED_DARK if dark else theme.MUTED
    small = {"size": 11, "color": muted}
    figure.update_xaxes(
        range=[0, last], nticks=6, gridcolor=GRID, tickfont=small,
        title={"text": "tokens in the cache", "standoff": 4, "font": small},
    )  # fmt: skip
    ticks = _round_ticks(most)
    figure.update_yaxes(
        range=[0, most * 1.04], tickvals=ticks, ticktext=[told_bytes(tick) if tick else "0" for tick in ticks],
        gridcolor=GRID, tickfont=small, automargin=True,
    )  # fmt: skip
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 8, "r": 128, "t": 8, "b": 34},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor=theme.background(dark),
        showlegend=False,
        uirevision="growing",
    )


def _round_ticks(most: int) -> list[float]:
    """0 and two to five more, as far as `most`."""
    power = 10.0 ** floor(log10(most))
    step = next(part * power for part in (0.2, 0.25, 0.5, 1.0) if most < 5 * part * power or part == 1.0)
    return [count * step for count in range(int(most / step) + 1)]


def _name_ends(figure: go.Figure, lines: Sequence[KindLine], most: int, dark: bool) -> None:
    """Each line's name and bytes right of its end, moved apart where they would run into each other."""
    ends = sorted(lines, key=lambda line: line.points[-1][1])
    places = moved_apart([line.points[-1][1] / most for line in ends], _LABEL)
    for line, place in zip(ends, places, strict=True):
        text = f"{escape(line.label)} {told_bytes(line.points[-1][1])}"
        figure.add_annotation(
            x=1, xref="paper", xanchor="left", xshift=6, y=place * most, yanchor="middle", showarrow=False,
            text=f"<b>{text}</b>" if line.own else text, align="left",
            font={"size": 11, "color": KIND_STYLES[line.kind].colour(dark)},
        )  # fmt: skip


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
