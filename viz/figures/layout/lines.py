"""Lines and frames that mark a place in a chart, and the notes beside them."""

from __future__ import annotations

from typing import Any

from viz import theme
from viz.figures.layout.chart import Part


def upright(x: float, line: Part, *, plot: str = "", below: bool = False) -> Part:
    """A line from the bottom to the top. plot: the number after the first of several, as "2"; below: the traces."""
    place = {"x0": x, "x1": x, "xref": f"x{plot}", "y0": 0, "y1": 1, "yref": f"y{plot} domain"}
    return {"type": "line", "line": line, **place} | ({"layer": "below"} if below else {})


def level(y: float, line: Part) -> Part:
    """A line from the left to the right."""
    return {"type": "line", "x0": 0, "x1": 1, "xref": "x domain", "y0": y, "y1": y, "yref": "y", "line": line}


def frame(columns: tuple[float, float], rows: tuple[float, float], line: Part, *, plot: str = "") -> Part:
    """A rectangle. plot: as for `upright`."""
    (x0, x1), (y0, y1) = columns, rows
    place = {"x0": x0, "x1": x1, "xref": f"x{plot}", "y0": y0, "y1": y1, "yref": f"y{plot}"}
    return {"type": "rect", "line": line, **place}


def note(text: str, colour: str, size: int = 12, **place: Any) -> Part:
    """Words in a plot, without an arrow. place: by Plotly's names."""
    return {"text": text, "showarrow": False, "font": {"size": size, "color": colour}} | place


def allowed_loss(y: float, dark: bool, *, above: bool = False) -> Part:
    """Of a layout: the level up to which a model counts as no worse, and its name. above: where the name stands."""
    muted = theme.muted(dark)
    named = note(
        "5% more", muted, 11, x=1, xref="x domain", xanchor="right", y=y, yref="y", yanchor="bottom" if above else "top"
    )  # fmt: skip
    return {"shapes": [level(y, {"color": muted, "width": 1, "dash": "dot"})], "annotations": [named]}
