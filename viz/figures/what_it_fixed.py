"""What each kind of attention fixed: places read in a step, times of reading, what is lost without a part, and what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go

from models.classic.reading_cost import ReadingTime
from models.shape.attention_geometry import Kind
from viz import theme
from viz.figures.ancestors import STYLES
from viz.figures.kinds import KIND_STYLES
from viz.figures.layout.axes import axis, log_axis, row_axis
from viz.figures.layout.chart import Part, bars, chart, legend_above, scatter
from viz.figures.layout.lines import level, note
from viz.figures.layout.ticks import byte_ticks
from viz.figures.number_text import told_bytes


@dataclass(frozen=True, slots=True)
class Probability:
    """A bar. value: 0 to 1; hover: what is said of it besides; off: whether a part is switched off."""

    name: str
    value: float
    hover: str = ""
    off: bool = False


@dataclass(frozen=True, slots=True)
class KeptRow:
    """What one kind of attention keeps, counted, and by formula; in bytes, or in numbers of a token and layer."""

    label: str
    kind: Kind
    counted: float
    formula: float
    warning: bool = False


def reading_times(times: Sequence[ReadingTime], *, dark: bool = False, height: int = 280) -> go.Figure:
    """Plotly figure of microseconds (y, logarithmic) that a step takes, by the places of the source (x, logarithmic)."""
    soft, hard = STYLES["classic-soft"], STYLES["classic-hard"]
    drawn = (
        ("scores of all places", [one.scores_s for one in times], theme.muted(dark), "circle", "dash"),
        ("weighted sum of all", [one.all_s for one in times], soft.colour(dark), soft.symbol, soft.dash),
        ("one annotation", [one.one_s for one in times], hard.colour(dark), hard.symbol, hard.dash),
    )
    places = [one.places for one in times]
    lines = [
        scatter(
            x=places, y=[1e6 * value for value in values], name=name, mode="lines+markers",
            line={"color": colour, "dash": dash, "width": 2}, marker={"color": colour, "symbol": symbol, "size": 8},
            hovertemplate=f"{name}<br>%{{x:,}} places: <b>%{{y:.4~g}} µs</b><extra></extra>",
        )
        for name, values, colour, symbol, dash in drawn
    ]  # fmt: skip
    ticks = [10.0**power for power in range(-1, 6)]
    labels = ["0.1", "1", "10", "100", "1,000", "10,000", "100,000"]
    return chart(
        lines,
        log_axis("places in the source", dark, places, [f"{place:,}" for place in places], None),
        log_axis("µs a step", dark, ticks, labels, None),
        dark=dark,
        height=height,
        legend=legend_above(),
    )


def places_read(
    characters: Sequence[str],
    read: Sequence[int],
    whole: int,
    *,
    name: str,
    dark: bool = False,
    height: int = 240,
) -> go.Figure:
    """Plotly figure, a bar a written character: how many places are looked at in its step, below the whole text's.

    name: in STYLES, whose colour the bars have.
    """
    bar = bars(
        x=list(range(len(read))), y=list(read), customdata=_steps(characters),
        marker={"color": STYLES[name].colour(dark)},
        hovertemplate="to write %{customdata}<br><b>%{y}</b> places<extra></extra>",
    )  # fmt: skip
    return chart(
        [bar],
        _written(characters, dark),
        axis("places", dark, range=[0, 1.12 * whole], nticks=5),
        dark=dark,
        height=height,
        **_line(whole, f"the whole text: {whole}", dark),
    )


def places_at_once(
    characters: Sequence[str],
    per_layer: Sequence[Sequence[int]],
    together: Sequence[int],
    *,
    dark: bool = False,
    height: int = 240,
) -> go.Figure:
    """Plotly figure, bars for each written character: different places that the heads look at most, layer by layer and all."""
    colour = STYLES["classic-cross"].colour(dark)
    opacities = [0.3 + 0.25 * place for place in range(len(per_layer))]
    named = [(f"layer {place}", list(counts)) for place, counts in enumerate(per_layer)]
    drawn = [
        bars(
            x=list(range(len(counts))), y=counts, name=name, customdata=_steps(characters),
            marker={"color": theme.translucent(colour, opacity)},
            hovertemplate=f"to write %{{customdata}}<br>{name}: <b>%{{y}}</b> different places<extra></extra>",
        )
        for (name, counts), opacity in zip([*named, ("all heads", list(together))], [*opacities, 1.0], strict=True)
    ]  # fmt: skip
    one = scatter(
        x=[-0.5, len(together) - 0.5], y=[1, 1], mode="lines", name="one head", hoverinfo="skip",
        line={"color": theme.text(dark), "width": 2, "dash": "dot"},
    )  # fmt: skip
    most = max(together, default=1)
    return chart(
        [*drawn, one],
        _written(characters, dark),
        axis("different places", dark, range=[0, most + 0.8], dtick=1 if most < 10 else 2),
        dark=dark,
        height=height,
        barmode="group",
        legend=legend_above(),
    )


def probabilities(
    shown: Sequence[Probability],
    *,
    title: str,
    whole: tuple[float, str] | None = None,
    dark: bool = False,
    height: int = 240,
) -> go.Figure:
    """Plotly figure, a bar a probability (0 to 1). whole: a line that all are held against, and its name."""
    bar = bars(
        x=list(range(len(shown))), y=[one.value for one in shown], customdata=[_told(one) for one in shown],
        marker={"color": [theme.accent(dark) if one.off else theme.primary(dark) for one in shown]},
        hovertemplate="%{customdata}: <b>%{y:.6~g}</b><extra></extra>",
    )  # fmt: skip
    ticks = {"tickvals": list(range(len(shown))), "ticktext": [escape(one.name) for one in shown]}
    return chart(
        [bar],
        axis("", dark, **ticks),
        axis(title, dark, range=[0, 1.1], nticks=6),
        dark=dark,
        height=height,
        **({} if whole is None else _line(*whole, dark)),
    )


def shares(
    layers: Sequence[Sequence[float]],
    *,
    title: str,
    tickformat: str = "",
    dark: bool = False,
    height: int = 240,
) -> go.Figure:
    """Plotly figure, a bar a head, layer after layer: one number each, which `title` names with its unit."""
    names = [f"L{layer} H{head}" for layer, heads in enumerate(layers) for head in range(len(heads))]
    bar = bars(
        x=names, y=[value for heads in layers for value in heads],
        marker={"color": STYLES["classic-cross"].colour(dark)},
        hovertemplate="%{x}: <b>%{y:.5~g}</b><extra></extra>",
    )  # fmt: skip
    return chart(
        [bar],
        axis("", dark, type="category"),
        axis(title, dark, rangemode="tozero", tickformat=tickformat, nticks=6),
        dark=dark,
        height=height,
    )


def kept(
    rows: Sequence[KeptRow], *, unit: str, title: str, dark: bool = False, height: int | None = None
) -> go.Figure:
    """Plotly figure, a bar a kind: what was counted, with a tick where the formula is. unit: "bytes" or "numbers"."""
    told = told_bytes if unit == "bytes" else lambda value: f"{value:,.4g}"
    colours = [theme.alarm(dark) if row.warning else KIND_STYLES[row.kind].colour(dark) for row in rows]
    names, most = [row.label for row in rows], max(max(row.counted, row.formula) for row in rows)
    bar = bars(
        y=names, x=[row.counted for row in rows], orientation="h", name="counted live", marker={"color": colours},
        text=[told(row.counted) for row in rows], textposition="outside", cliponaxis=False,
        hovertemplate=f"%{{y}}<br>counted: <b>%{{x:,}}</b> {unit}<extra></extra>",
    )  # fmt: skip
    tick = scatter(
        y=names, x=[row.formula for row in rows], mode="markers", name="formula",
        marker={"symbol": "line-ns", "size": 26, "line": {"width": 2, "color": theme.text(dark)}},
        hovertemplate=f"%{{y}}<br>formula: <b>%{{x:,}}</b> {unit}<extra></extra>",
    )  # fmt: skip
    ticks = byte_ticks(int(most)) if unit == "bytes" else {"nticks": 6}
    return chart(
        [bar, tick],
        axis(title, dark, range=[0, 1.14 * most]) | ticks,
        row_axis(),
        dark=dark,
        height=height or 80 + 44 * len(rows),
    )


def _steps(characters: Sequence[str]) -> list[str]:
    return [f"{place + 1} “{escape(character)}”" for place, character in enumerate(characters)]


def _written(characters: Sequence[str], dark: bool) -> Part:
    places = {"tickvals": list(range(len(characters))), "ticktext": [escape(one) for one in characters]}
    return axis("character to be written", dark, **places)


def _line(height: float, name: str, dark: bool) -> Part:
    """Of a layout: what the bars are held against."""
    muted = theme.muted(dark)
    named = note(name, muted, 11, x=1, xref="x domain", xanchor="right", y=height, yref="y", yanchor="bottom")
    return {
        "shapes": [level(height, {"color": muted, "width": 1, "dash": "dot"})],
        "annotations": [named],
    }


def _told(one: Probability) -> str:
    return escape(f"{one.name}, {one.hover}" if one.hover else one.name)
