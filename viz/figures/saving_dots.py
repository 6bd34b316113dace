"""Times of a whole model, of one with heads off, and of one without them, as shares of the whole model's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from viz import theme
from viz.figures.layout.axes import axis, row_axis
from viz.figures.layout.chart import Part, chart, legend_above, scatter
from viz.figures.layout.lines import note, upright


@dataclass(frozen=True, slots=True)
class Timed:
    """One kind of work. full, gated, removed: median, lower and upper quartile, in `unit`. formula: the removed model's share
    of the whole one's work."""

    name: str
    unit: str
    full: tuple[float, float, float]
    gated: tuple[float, float, float]
    removed: tuple[float, float, float]
    formula: float


def saving_dots(
    works: Sequence[Timed], *, claimed: float, dark: bool = False, height: int = 260
) -> go.Figure:
    """Plotly figure, a row a kind of work: a mark each for full (100%), gated and removed with bars from quartile to quartile,
    and what a formula says. claimed: the share that is said to be left, a line."""
    muted = theme.muted(dark)
    styles = {
        "full": (theme.text(dark), "square", "full"),
        "gated": (theme.second(dark), "circle", "gated (off, but computed)"),
        "removed": (theme.accent(dark), "diamond", "removed"),
    }
    at = 100 * claimed
    named = note(
        f"claimed: {claimed - 1:.0%}",
        muted,
        11,
        x=at,
        xref="x",
        xanchor="right",
        y=1,
        yref="y domain",
        yanchor="top",
    )
    return chart(
        [*(_marks(works, key, *style) for key, style in styles.items()), _foretold(works, muted)],
        axis("time, share of the full model’s (measured)", dark, ticksuffix="%"),
        row_axis(autorange=False, range=[len(works) - 0.4, -0.6]),
        dark=dark,
        height=height,
        scattermode="group",
        legend=legend_above(),
        shapes=[upright(at, {"color": muted, "width": 1, "dash": "dot"})],
        annotations=[named],
    )


def _foretold(works: Sequence[Timed], colour: str) -> Part:
    tick = {"symbol": "line-ns", "size": 22, "color": colour, "line": {"width": 2.5, "color": colour}}
    return scatter(
        x=[100 * work.formula for work in works], y=[work.name for work in works], mode="markers",
        name="removed, by formula", marker=tick,
        hovertemplate="removed, by formula<br><b>%{x:.4~g}%</b> of the work<extra></extra>",
    )  # fmt: skip


def _marks(works: Sequence[Timed], key: str, colour: str, symbol: str, name: str) -> Part:
    times: list[tuple[float, float, float]] = [getattr(work, key) for work in works]
    whole = [work.full[0] for work in works]
    shares = [[100 * each / full for each in time] for time, full in zip(times, whole, strict=True)]
    return scatter(
        x=[share[0] for share in shares],
        y=[work.name for work in works],
        customdata=[[time[0], work.unit] for time, work in zip(times, works, strict=True)],
        error_x={
            "type": "data", "symmetric": False, "array": [share[2] - share[0] for share in shares],
            "arrayminus": [share[0] - share[1] for share in shares], "thickness": 1.5, "width": 6,
        },
        mode="markers",
        name=name,
        marker={"symbol": symbol, "size": 12, "color": colour},
        hovertemplate=f"<b>{name}</b><br>%{{customdata[0]:.4~g}} %{{customdata[1]}}<br>%{{x:.4~g}}% of full<extra></extra>",
    )  # fmt: skip
