"""Times of a whole model, of one with heads off, and of one without them, as shares of the whole model's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from viz import theme
from viz.figures.loss_change import GRID


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
    muted, text = (theme.MUTED_DARK, theme.TEXT_DARK) if dark else (theme.MUTED, theme.TEXT)
    styles = {
        "full": (text, "square", "full"),
        "gated": (theme.SECOND_DARK if dark else theme.SECOND, "circle", "gated (off, but computed)"),
        "removed": (theme.accent(dark), "diamond", "removed"),
    }
    figure = go.Figure()
    for key, (colour, symbol, name) in styles.items():
        figure.add_trace(_marks(works, key, colour, symbol, name))
    figure.add_trace(
        go.Scatter(
            x=[100 * work.formula for work in works], y=[work.name for work in works], mode="markers",
            name="removed, by formula", marker={"symbol": "line-ns", "size": 22, "line": {"width": 2.5, "color": muted}},
            hovertemplate="removed, by formula<br><b>%{x:.4~g}%</b> of the work<extra></extra>",
        )
    )  # fmt: skip
    figure.add_vline(
        100 * claimed, line={"color": muted, "width": 1, "dash": "dot"}, annotation_text=f"claimed: {claimed - 1:.0%}",
        annotation_position="top left", annotation_font={"size": 11, "color": muted},
    )  # fmt: skip
    figure.update_xaxes(
        title={"text": "time, share of the full model’s (measured)", "font": {"size": 12, "color": muted}}, ticksuffix="%",
        gridcolor=GRID, zeroline=False, automargin=True,
    )  # fmt: skip
    figure.update_yaxes(
        type="category",
        range=[len(works) - 0.4, -0.6],
        automargin=True,
        showgrid=False,
        tickfont={"size": 12},
    )
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor=theme.background(dark),
        font={"size": 11, "color": text},
        hoverlabel={"align": "left"},
        scattermode="group",
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 12}},
    )
    return figure


def _marks(works: Sequence[Timed], key: str, colour: str, symbol: str, name: str) -> go.Scatter:
    times: list[tuple[float, float, float]] = [getattr(work, key) for work in works]
    whole = [work.full[0] for work in works]
    shares = [[100 * each / full for each in time] for time, full in zip(times, whole, strict=True)]
    return go.Scatter(
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
