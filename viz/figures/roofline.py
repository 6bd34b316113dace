"""What bounds a pass: intensity against attainable speed, and below it a row a model from decode to prefill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from models.costs.model_cost import Work
from models.costs.peaks import Peaks
from viz import theme
from viz.figures.costs.layout import GRID, told_bytes
from viz.figures.kinds import KindStyle
from viz.figures.token_text import shortened

_ROW, _ROOF = 38, 300  # pixels
_UNITS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))


@dataclass(frozen=True, slots=True)
class Placed:
    """One pass. what: "decode" or "prefill"; reached: operations a second as measured, None where it was not."""

    what: str
    work: Work
    batch: int
    reached: float | None = None


@dataclass(frozen=True, slots=True)
class RoofRow:
    """One model. steps: decode at every batch, for the line that shows where more texts lead."""

    label: str
    style: KindStyle
    context: int
    prefill: Placed
    decode: Placed
    steps: Sequence[Placed]


def told_speed(flops_per_s: float, unit: str = "FLOP/s") -> str:
    """Three digits with a decimal prefix."""
    scale, prefix = next((row for row in _UNITS if flops_per_s >= row[0]), _UNITS[-1])
    return f"{flops_per_s / scale:.3g} {prefix}{unit}"


def attainable(work: Work, peaks: Peaks) -> float:
    """Operations a second that these peaks allow: the roof above its intensity."""
    return work.flops / work.seconds(peaks)


def roofline(peaks: Peaks, rows: Sequence[RoofRow], *, dark: bool = False) -> go.Figure:
    """Plotly figure, logarithmic: the roof of a device with every pass on it, crosses for what was reached; below
    it a row a model, its decoding at growing batches and its prompt, on the same axis of intensity."""
    height = _ROOF + _ROW * len(rows) + 76
    share = _ROW * len(rows) / height
    figure = make_subplots(
        2, 1, shared_xaxes=True, vertical_spacing=0.03, row_heights=[1 - share, share] if rows else [0.9, 0.1]
    )
    x = [placed.work.intensity for row in rows for placed in (row.prefill, *row.steps)]
    low, high = min([*x, peaks.ridge / 4]) / 2.5, max([*x, peaks.ridge * 4]) * 2.5
    figure.add_trace(_roof(peaks, low, high, dark), 1, 1)
    for row in rows:
        for placed in (row.decode, row.prefill):
            if placed.reached is not None:
                figure.add_trace(_reached(row, placed, peaks, dark), 1, 1)
            figure.add_trace(_sign(row, placed, peaks, dark), 1, 1)
        figure.add_trace(_steps(row, peaks, dark), 2, 1)
        for placed in (row.decode, row.prefill):
            figure.add_trace(_in_row(row, placed, peaks, dark), 2, 1)
    _lay_out(figure, peaks, rows, (low, high), height, dark)
    return figure


def _roof(peaks: Peaks, low: float, high: float, dark: bool) -> go.Scatter:
    return go.Scatter(
        x=[low, peaks.ridge, high],
        y=[low * peaks.memory_bytes_per_s, peaks.flops_per_s, peaks.flops_per_s],
        mode="lines",
        name="roof",
        line={"color": theme.TEXT_DARK if dark else theme.TEXT, "width": 2.5},
        hoverinfo="skip",
    )


def _sign(row: RoofRow, placed: Placed, peaks: Peaks, dark: bool) -> go.Scatter:
    marker = {"color": row.style.colour(dark), "symbol": row.style.symbol, "size": 11}
    return _marks(row, [placed], [attainable(placed.work, peaks)], marker, peaks)


def _reached(row: RoofRow, placed: Placed, peaks: Peaks, dark: bool) -> go.Scatter:
    """A cross, and a thin line from it up to what the roof allows."""
    colour = row.style.colour(dark)
    marker = {
        "color": colour,
        "symbol": ["x-thin", "line-ew"],
        "size": 11,
        "line": {"width": 2.5, "color": colour},
    }
    ends = [placed.reached, attainable(placed.work, peaks)]
    trace = _marks(row, [placed, placed], ends, marker, peaks)
    trace.update(mode="lines+markers", name="reached", line={"color": colour, "width": 1, "dash": "dot"})
    return trace


def _steps(row: RoofRow, peaks: Peaks, dark: bool) -> go.Scatter:
    marker = {"color": row.style.colour(dark), "symbol": "circle", "size": 5}
    trace = _marks(row, row.steps, [_name(row)] * len(row.steps), marker, peaks)
    trace.update(mode="lines+markers", line={"color": row.style.colour(dark), "width": 1.5, "dash": "dot"})
    return trace


def _in_row(row: RoofRow, placed: Placed, peaks: Peaks, dark: bool) -> go.Scatter:
    marker = {"color": row.style.colour(dark), "symbol": row.style.symbol, "size": 12}
    trace = _marks(row, [placed], [_name(row)], marker, peaks)
    trace.update(
        mode="markers+text", text=[placed.what], textfont={"size": 11},
        textposition="top center" if placed.what == "decode" else "middle right",
    )  # fmt: skip
    return trace


def _marks(
    row: RoofRow, placed: Sequence[Placed], y: Sequence[Any], marker: dict, peaks: Peaks
) -> go.Scatter:
    return go.Scatter(
        x=[one.work.intensity for one in placed],
        y=list(y),
        mode="markers",
        name=escape(row.label),
        marker=marker,
        customdata=[_told(row, one, peaks) for one in placed],
        cliponaxis=False,
        hovertemplate=f"<b>{escape(row.label)}</b>, %{{customdata}}<extra></extra>",
    )


def _told(row: RoofRow, placed: Placed, peaks: Peaks) -> str:
    work, roof = placed.work, attainable(placed.work, peaks)
    bound = "memory" if work.intensity < peaks.ridge else "arithmetic"
    lines = [
        f"{placed.what}, {row.context:,} tokens x {placed.batch}",
        f"{work.flops:,} operations, {work.bytes:,} bytes (formula)",
        f"<b>{work.intensity:.4g}</b> operations a byte: {bound} is the limit",
        f"at best {told_speed(roof)}, {work.seconds(peaks) * 1000:.4g} ms (peaks measured)",
    ]
    if placed.reached is not None:
        lines.append(f"reached {told_speed(placed.reached)}, {placed.reached / roof:.1%} of that (measured)")
    return "<br>".join(lines)


def _name(row: RoofRow) -> str:
    return escape(shortened(row.label, 30))


def _lay_out(
    figure: go.Figure,
    peaks: Peaks,
    rows: Sequence[RoofRow],
    ends: tuple[float, float],
    height: int,
    dark: bool,
) -> None:
    muted = theme.MUTED_DARK if dark else theme.MUTED
    font = {"size": 12, "color": muted}
    x_range = [log10(end) for end in ends]
    reached = [placed.reached for row in rows for placed in (row.decode, row.prefill) if placed.reached]
    y_low, y_high = min([ends[0] * peaks.memory_bytes_per_s, *reached]) / 1.6, peaks.flops_per_s * 2.6
    powers = [10.0**power for power in range(floor(x_range[0]), ceil(x_range[1]) + 1)]
    speeds = [10.0**power for power in range(floor(log10(y_low)), ceil(log10(y_high)) + 1)]
    figure.update_xaxes(
        type="log",
        range=x_range,
        gridcolor=GRID,
        tickvals=powers,
        ticktext=[f"{power:,.10g}" for power in powers],
    )
    figure.update_xaxes(
        title={"text": "arithmetic intensity, operations a byte (formula)", "standoff": 8, "font": font},
        row=2,
        col=1,
    )
    figure.update_yaxes(
        type="log", range=[log10(y_low), log10(y_high)], gridcolor=GRID, automargin=True,
        tickvals=speeds, ticktext=[told_speed(speed) for speed in speeds],
        title={"text": "attainable speed", "standoff": 8, "font": font}, row=1, col=1,
    )  # fmt: skip
    figure.update_yaxes(
        autorange="reversed", gridcolor=GRID, automargin=True, ticklabelstandoff=6, row=2, col=1
    )
    _words(figure, peaks, ends, dark)
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 12, "t": 10, "b": 46},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor=theme.background(dark),
        font={"size": 12, "color": theme.TEXT_DARK if dark else theme.TEXT},
        hoverlabel={"align": "left"},
        showlegend=False,
    )


def _words(figure: go.Figure, peaks: Peaks, ends: tuple[float, float], dark: bool) -> None:
    """The ridge, and which side of it is bound by what."""
    accent, muted = theme.accent(dark), theme.MUTED_DARK if dark else theme.MUTED
    figure.add_vline(x=peaks.ridge, layer="below", line={"color": accent, "width": 1.5, "dash": "dash"})
    top = log10(peaks.flops_per_s * 1.5)
    told = (
        (log10(peaks.ridge), f"arithmetic, <b>{told_speed(peaks.flops_per_s)}</b> →", "left", 8),
        (log10(peaks.ridge), f"← memory, <b>{told_bytes(peaks.memory_bytes_per_s)}/s</b>", "right", -8),
    )
    for x, text, side, shift in told:
        figure.add_annotation(
            x=x,
            y=top,
            text=text,
            xanchor=side,
            xshift=shift,
            showarrow=False,
            font={"size": 12, "color": muted},
            row=1,
            col=1,
        )
    figure.add_annotation(
        x=log10(peaks.ridge), y=0.02, yref="y domain", yanchor="bottom", xanchor="left", xshift=6, showarrow=False,
        text=f"ridge: {peaks.ridge:.3g} operations a byte", font={"size": 12, "color": accent}, row=1, col=1,
    )  # fmt: skip
