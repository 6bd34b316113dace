"""What bounds a pass: intensity against attainable speed, and below it a row a model from decode to prefill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from typing import Any

import plotly.graph_objects as go

from models.costs.model_cost import Work
from models.costs.peaks import Peaks
from viz import theme
from viz.figures.kinds import KindStyle
from viz.figures.layout.axes import axis, domains, log_axis
from viz.figures.layout.chart import Part, chart, scatter
from viz.figures.layout.lines import note, upright
from viz.figures.layout.ticks import round_ticks
from viz.figures.number_text import told_bytes, told_speed
from viz.figures.token_text import shortened

_ROW, _ROOF = 38, 300  # pixels


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


def attainable(work: Work, peaks: Peaks) -> float:
    """Operations a second that these peaks allow: the roof above its intensity."""
    return work.flops / work.seconds(peaks)


def roofline(peaks: Peaks, rows: Sequence[RoofRow], *, dark: bool = False) -> go.Figure:
    """Plotly figure, logarithmic: the roof of a device with every pass on it, crosses for what was reached; below
    it a row a model, its decoding at growing batches and its prompt, on the same axis of intensity."""
    height = _ROOF + _ROW * len(rows) + 76
    share = _ROW * len(rows) / height if rows else 0.1
    x = [placed.work.intensity for row in rows for placed in (row.prefill, *row.steps)]
    ends = min([*x, peaks.ridge / 4]) / 2.5, max([*x, peaks.ridge * 4]) * 2.5
    traces = [_roof(peaks, *ends, dark)]
    for row in rows:
        traces += _on_roof(row, peaks, dark) + _below(row, peaks, dark)
    below, above = domains([share, 1 - share], 0.03)
    accent = {"color": theme.accent(dark), "width": 1.5, "dash": "dash"}
    plots = ("", "2") if rows else ("",)
    return chart(
        traces,
        _intensity_axis(ends, dark, "") | {"matches": "x2", "showticklabels": False},
        _speed_axis(peaks, rows, ends, dark) | {"domain": above},
        xaxis2=_intensity_axis(ends, dark, "arithmetic intensity, operations a byte (formula)")
        | {"anchor": "y2"},
        yaxis2=axis("", dark, autorange="reversed", ticklabelstandoff=6, anchor="x2", domain=below),
        dark=dark,
        height=height,
        font_size=12,
        margin={"l": 8, "r": 12, "t": 10, "b": 46},
        shapes=[upright(peaks.ridge, accent, plot=plot, below=True) for plot in plots],
        annotations=_words(peaks, dark),
    )


def _on_roof(row: RoofRow, peaks: Peaks, dark: bool) -> list[Part]:
    """In the upper plot."""
    drawn = []
    for placed in (row.decode, row.prefill):
        if placed.reached is not None:
            drawn.append(_reached(row, placed, placed.reached, peaks, dark))
        drawn.append(_sign(row, placed, peaks, dark))
    return drawn


def _below(row: RoofRow, peaks: Peaks, dark: bool) -> list[Part]:
    """In the row of the lower plot."""
    drawn = [
        _steps(row, peaks, dark),
        *(_in_row(row, placed, peaks, dark) for placed in (row.decode, row.prefill)),
    ]
    return [trace | {"xaxis": "x2", "yaxis": "y2"} for trace in drawn]


def _roof(peaks: Peaks, low: float, high: float, dark: bool) -> Part:
    return scatter(
        x=[low, peaks.ridge, high],
        y=[low * peaks.memory_bytes_per_s, peaks.flops_per_s, peaks.flops_per_s],
        mode="lines",
        name="roof",
        line={"color": theme.text(dark), "width": 2.5},
        hoverinfo="skip",
    )


def _sign(row: RoofRow, placed: Placed, peaks: Peaks, dark: bool) -> Part:
    marker = {"color": row.style.colour(dark), "symbol": row.style.symbol, "size": 11}
    return _marks(row, [placed], [attainable(placed.work, peaks)], marker, peaks)


def _reached(row: RoofRow, placed: Placed, reached: float, peaks: Peaks, dark: bool) -> Part:
    """A cross, and a thin line from it up to what the roof allows."""
    colour = row.style.colour(dark)
    marker = {
        "color": colour,
        "symbol": ["x-thin", "line-ew"],
        "size": 11,
        "line": {"width": 2.5, "color": colour},
    }
    ends = [reached, attainable(placed.work, peaks)]
    line = {"color": colour, "width": 1, "dash": "dot"}
    return _marks(row, [placed, placed], ends, marker, peaks) | {
        "mode": "lines+markers", "name": "reached", "line": line
    }  # fmt: skip


def _steps(row: RoofRow, peaks: Peaks, dark: bool) -> Part:
    colour = row.style.colour(dark)
    marker = {"color": colour, "symbol": "circle", "size": 5}
    line = {"color": colour, "width": 1.5, "dash": "dot"}
    return _marks(row, row.steps, [_name(row)] * len(row.steps), marker, peaks) | {
        "mode": "lines+markers", "line": line
    }  # fmt: skip


def _in_row(row: RoofRow, placed: Placed, peaks: Peaks, dark: bool) -> Part:
    marker = {"color": row.style.colour(dark), "symbol": row.style.symbol, "size": 12}
    return _marks(row, [placed], [_name(row)], marker, peaks) | {
        "mode": "markers+text", "text": [placed.what], "textfont": {"size": 11},
        "textposition": "top center" if placed.what == "decode" else "middle right",
    }  # fmt: skip


def _marks(row: RoofRow, placed: Sequence[Placed], y: Sequence[Any], marker: dict, peaks: Peaks) -> Part:
    return scatter(
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


def _intensity_axis(ends: tuple[float, float], dark: bool, text: str) -> Part:
    reach = [log10(end) for end in ends]
    powers = [10.0**power for power in range(floor(reach[0]), ceil(reach[1]) + 1)]
    labels = [f"{power:,.10g}" for power in powers]
    return log_axis(text, dark, powers, labels, reach, standoff=8, automargin=False)


def _speed_axis(peaks: Peaks, rows: Sequence[RoofRow], ends: tuple[float, float], dark: bool) -> Part:
    reached = [placed.reached for row in rows for placed in (row.decode, row.prefill) if placed.reached]
    low, high = min([ends[0] * peaks.memory_bytes_per_s, *reached]) / 1.6, peaks.flops_per_s * 2.6
    speeds = round_ticks([low, high])
    labels = [told_speed(speed) for speed in speeds]
    return log_axis("attainable speed", dark, speeds, labels, [log10(low), log10(high)], standoff=8)


def _words(peaks: Peaks, dark: bool) -> list[Part]:
    """The ridge, and which side of it is bound by what."""
    accent, muted = theme.accent(dark), theme.muted(dark)
    ridge, top = log10(peaks.ridge), log10(peaks.flops_per_s * 1.5)
    arithmetic = f"arithmetic, <b>{told_speed(peaks.flops_per_s)}</b> →"
    memory = f"← memory, <b>{told_bytes(peaks.memory_bytes_per_s)}/s</b>"
    return [
        note(arithmetic, muted, x=ridge, y=top, xref="x", yref="y", xanchor="left", xshift=8),
        note(memory, muted, x=ridge, y=top, xref="x", yref="y", xanchor="right", xshift=-8),
        note(
            f"ridge: {peaks.ridge:.3g} operations a byte", accent, x=ridge, y=0.02, xref="x", yref="y domain",
            yanchor="bottom", xanchor="left", xshift=6,
        ),
    ]  # fmt: skip
