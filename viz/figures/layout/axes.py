"""Axes of charts: of numbers, of logarithms, of tokens, of heads or layers, and of a row a thing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from viz import theme
from viz.figures.layout.chart import Part
from viz.figures.long_tokens import hover_name, tick

LABEL_WIDTH = 14  # characters of a token
MAX_TOKENS = 60  # that are named along a chart's width


def title(text: str, dark: bool, **own: Any) -> Part:
    """Of an axis. own: further parts, as `standoff`."""
    return {"text": text, "font": {"size": 12, "color": theme.muted(dark)}} | own


def axis(text: str, dark: bool, *, zero: str = "", standoff: int | None = None, **own: Any) -> Part:
    """An axis with a faint grid. text: its title, "" for none; zero: the colour of a line at zero, "" for none; standoff:
    pixels between labels and title, where not as Plotly puts it; own: further parts of Plotly's axis."""
    made: Part = {"gridcolor": theme.GRID, "automargin": True}
    made |= {"zerolinecolor": zero} if zero else {"zeroline": False}
    if text:
        made["title"] = title(text, dark) | ({} if standoff is None else {"standoff": standoff})
    return made | own


def log_axis(
    text: str,
    dark: bool,
    ticks: Sequence[float],
    labels: Sequence[str],
    ends: Sequence[float] | None,
    **own: Any,
) -> Part:
    """A logarithmic axis with these labels at these ticks. ends: in powers of ten, None for as far as the traces reach; own:
    as for `axis`."""
    reach = {} if ends is None else {"range": list(ends)}
    return axis(text, dark, type="log", tickvals=list(ticks), ticktext=list(labels), **reach, **own)


def row_axis(**own: Any) -> Part:
    """Downwards, a named row a thing."""
    return {
        "type": "category", "autorange": "reversed", "automargin": True, "showgrid": False, "tickfont": {"size": 12}
    } | own  # fmt: skip


def bare_axis(**own: Any) -> Part:
    """Without a grid, for what fills its place itself."""
    return {"showgrid": False, "zeroline": False, "ticks": "", "automargin": True} | own


def numbered(letter: str, count: int, most: int) -> Part:
    """Ticks of heads ("H0", "H1", ...) or layers ("L0", ...), evenly thinned to at most `most`."""
    shown = list(range(0, count, -(-count // most)))
    return {"tickvals": shown, "ticktext": [f"{letter}{number}" for number in shown]}


def token_names(tokens: Sequence[str]) -> list[str]:
    """What stands for each token on an axis and in hover boxes: its position keeps equal tokens apart."""
    return [f"{pos} {hover_name(str(token))}" for pos, token in enumerate(tokens)]


def category_axis(values: Sequence[str], labels: Sequence[str], **own: Any) -> Part:
    """Without a grid, with these labels at these categories."""
    ticks = {"type": "category", "tickmode": "array", "tickvals": list(values), "ticktext": list(labels)}
    return bare_axis(**ticks) | own


def token_axis(names: Sequence[str], tokens: Sequence[str], **own: Any) -> Part:
    """Along a text of which every category is shown, as many of them named as there is room for."""
    step = -(-len(names) // MAX_TOKENS)
    labels = [tick(str(token), LABEL_WIDTH) for token in tokens[::step]]
    return category_axis(names[::step], labels, range=[-0.5, len(names) - 0.5], tickangle=-60) | own


def domains(sizes: Sequence[float], gap: float) -> list[list[float]]:
    """The place of each of several plots side by side, from left to right, as parts of the whole; `gap` between two."""
    room = (1 - gap * (len(sizes) - 1)) / sum(sizes)
    starts = [sum(sizes[:place]) * room + place * gap for place in range(len(sizes))]
    return [[start, start + size * room] for start, size in zip(starts, sizes, strict=True)]
