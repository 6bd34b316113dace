"""The ancestors of today's attention: how a date's length hurts, how draws differ, and how calm a baseline makes a gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import plotly.graph_objects as go

from viz import theme
from viz.figures.kinds import KindStyle
from viz.figures.layout.axes import axis, log_axis
from viz.figures.layout.chart import Part, bars, chart, legend_above, scatter

STYLES: Mapping[str, KindStyle] = MappingProxyType(
    {
        "classic-none": KindStyle("#5b6276", "#aab3c8", "circle", "solid"),
        "classic-soft": KindStyle("#0072b2", "#56b4e9", "diamond", "dash"),
        "classic-hard": KindStyle("#d55e00", "#ff9a3c", "square", "dot"),
        "classic-local": KindStyle("#007a5a", "#2fc79b", "triangle-up", "longdash"),
        "classic-cross": KindStyle("#b0357f", "#e89ac7", "cross", "dashdot"),
        "classic-memory": KindStyle("#8f6a00", "#e6c84f", "star", "solid"),
    }
)


@dataclass(frozen=True, slots=True)
class Line:
    """One model's line. name: in the catalogue; title: for people. hover: what is said of each point besides."""

    name: str
    title: str
    x: Sequence[float]
    y: Sequence[float]
    hover: Sequence[str]


def accuracy_by_length(lines: Sequence[Line], *, dark: bool = False, height: int = 300) -> go.Figure:
    """Plotly figure of the share of texts (y, 0 to 1) that are read right, by their length in characters (x)."""
    return chart(
        [_line(line, dark, "%{y:.1%}") for line in lines],
        axis("characters of the text", dark, rangemode="tozero"),
        axis("read right", dark, tickformat=".0%", range=[-0.02, 1.04]),
        dark=dark,
        height=height,
        legend=legend_above(),
    )


def learning_curves(lines: Sequence[Line], *, dark: bool = False, height: int = 300) -> go.Figure:
    """Plotly figure of losses in nats per character (y, logarithmic), over the steps of a training (x)."""
    ticks = [0.001, 0.01, 0.1, 1]
    return chart(
        [_line(line, dark, "%{y:.3~g} nats", markers=False) for line in lines],
        axis("step of the training", dark, rangemode="tozero"),
        log_axis("loss, nats per character", dark, ticks, ["0.001", "0.01", "0.1", "1"], None),
        dark=dark,
        height=height,
        legend=legend_above(),
    )


def reinforce_variance(
    steps: Sequence[int],
    without_baseline: Sequence[float],
    with_baseline: Sequence[float],
    *,
    dark: bool = False,
    height: int = 300,
) -> go.Figure:
    """Plotly figure of the variance of REINFORCE's gradient (y, logarithmic) over the steps of a training (x)."""
    drawn = (
        ("without a baseline", without_baseline, theme.accent(dark), "dot", "circle"),
        ("with the learned one", with_baseline, theme.primary(dark), "solid", "diamond"),
    )
    lines = [
        scatter(
            x=list(steps), y=list(values), name=name, mode="lines+markers",
            line={"color": colour, "dash": dash, "width": 2}, marker={"color": colour, "symbol": symbol, "size": 8},
            hovertemplate=f"step %{{x}}<br>{name}: <b>%{{y:.3~g}}</b><extra></extra>",
        )
        for name, values, colour, dash, symbol in drawn
    ]  # fmt: skip
    return chart(
        lines,
        axis("step of the training", dark, rangemode="tozero"),
        axis("variance of the gradient", dark, type="log", exponentformat="power", dtick=1),
        dark=dark,
        height=height,
        legend=legend_above(),
    )


def draws_differ(
    characters: Sequence[str], shares: Sequence[float], *, dark: bool = False, height: int = 190
) -> go.Figure:
    """Plotly figure, a bar a written character: how often two draws look at different places (0 to 1)."""
    names = [f"{place + 1} “{character}”" for place, character in enumerate(characters)]
    bar = bars(
        x=list(range(len(names))), y=list(shares), customdata=names, marker={"color": theme.primary(dark)},
        hovertemplate="character %{customdata}<br>different places in <b>%{y:.1%}</b> of the pairs<extra></extra>",
    )  # fmt: skip
    places = {"tickvals": list(range(len(names))), "ticktext": list(characters)}
    return chart(
        [bar],
        axis("written character", dark, **places),
        axis("two draws differ", dark, tickformat=".0%", range=[0, 1]),
        dark=dark,
        height=height,
    )


def _line(line: Line, dark: bool, value: str, markers: bool = True) -> Part:
    style = STYLES[line.name]
    colour = style.colour(dark)
    return scatter(
        x=list(line.x), y=list(line.y), name=line.title, customdata=list(line.hover),
        mode="lines+markers" if markers else "lines",
        line={"color": colour, "dash": style.dash, "width": 2},
        marker={"color": colour, "symbol": style.symbol, "size": 8},
        hovertemplate=f"<b>{line.title}</b><br>%{{customdata}}<br>{value}<extra></extra>",
    )  # fmt: skip
