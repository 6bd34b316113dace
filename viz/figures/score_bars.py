"""A head's scores as a row of small bars, each with a tick where blind chance would be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from viz import theme
from viz.figures.number_text import number_text

_STYLE = """<style>
.score-bars { display: flex; flex-wrap: wrap; gap: 4px 12px; margin: 0; font-size: 12px; line-height: 1.35; }
.score-bars > div { flex: 1 1 auto; cursor: default; white-space: nowrap; }
.score-bars span { display: block; opacity: .65; font-size: 11px; }
.score-bars b { font-weight: 600; font-variant-numeric: tabular-nums; }
.score-bars i { display: block; position: relative; height: 5px; margin-top: 2px; border-radius: 2px; background: var(--ground);
  clip-path: inset(-3px -1px); }
.score-bars i::before { content: ""; position: absolute; inset: 0 auto 0 0; width: var(--value); border-radius: 2px;
  background: var(--ink); }
.score-bars i::after { content: ""; position: absolute; inset: -2px auto -2px calc(var(--chance) - 1px); width: 2px;
  background: var(--tick); }
</style>"""


@dataclass(frozen=True, slots=True)
class ScoreBar:
    """One score. unit: "" for a share. chance: what blind chance gives, NaN where that is unknown. full: where the bar
    ends, in the score's unit."""

    name: str
    value: float
    chance: float
    full: float = 1.0
    unit: str = ""


def score_bars(bars: Sequence[ScoreBar], dark: bool) -> str:
    """HTML of the row, in the order given; what has no value (NaN) is left out. Hovering tells all digits."""
    colours = f"--ink:{theme.primary(dark)};--tick:{theme.accent(dark)};--ground:{theme.surface(dark)}"
    cells = "".join(_cell(bar) for bar in bars if math.isfinite(bar.value))
    return f'{_STYLE}<div class="score-bars" style="{colours}">{cells}</div>'


def _cell(bar: ScoreBar) -> str:
    told = f"{bar.name}: {bar.value:.6g}{bar.unit}"
    if math.isfinite(bar.chance):
        told += f"; by chance {bar.chance:.6g}{bar.unit} (the tick)"
    places = f"--value:{_part(bar.value, bar.full)};--chance:{_part(bar.chance, bar.full)}"
    return (
        f'<div title="{escape(told)}"><span>{escape(bar.name)}</span>'
        f"<b>{escape(number_text(bar.value))}</b>{escape(bar.unit)}"
        f'<i style="{places}"></i></div>'
    )


def _part(value: float, full: float) -> str:
    """How far along the bar, in percent; out of sight where there is no such value."""
    if not math.isfinite(value):
        return "-99px"
    return f"{100 * min(max(value / full, 0.0), 1.0):.4g}%"
