"""A Plotly figure made whole, with the look that all charts share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from viz import theme

Part = dict[str, Any]  # of a figure, by Plotly's names
CLEAR = "rgba(0,0,0,0)"
MARGIN: Part = {"l": 8, "r": 8, "t": 8, "b": 8}
# A click chooses a head or a token, which the page shows in its own way: Plotly is not to pale the others.
UNPALED: Part = {"selected": {"marker": {"opacity": 1.0}}, "unselected": {"marker": {"opacity": 1.0}}}
# Marks that a click can choose, over cells, which it cannot.
UNSEEN: Part = {"selected": {"marker": {"opacity": 0.0}}, "unselected": {"marker": {"opacity": 0.0}}}
CLICK_CHOOSES: Part = {"dragmode": False, "clickmode": "event+select"}


def chart(
    traces: Sequence[Part],
    xaxis: Part,
    yaxis: Part,
    *,
    dark: bool,
    height: int,
    font_size: int = 11,
    **own: Any,
) -> go.Figure:
    """The figure of these traces. own: further parts of Plotly's layout, or others in the place of those here.

    Without `legend` among them there is none. Plotly gets the figure whole and takes it as it is: its checks would cost five
    times as much as all the rest, and more with each change of a figure that is there already. The tests check every figure.
    """
    look: Part = {
        "template": {},  # else each figure would carry 3 kB of defaults that none of ours uses
        "height": height,
        "margin": MARGIN,
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": theme.background(dark),
        "font": {"size": font_size, "color": theme.text(dark)},
        "hoverlabel": {"align": "left"},
        "xaxis": xaxis,
        "yaxis": yaxis,
    }
    if "legend" not in own:
        look["showlegend"] = False
    look |= {name: part for name, part in own.items() if part != []}
    return go.Figure({"data": list(traces), "layout": look}, _validate=False)


def legend_above(size: int = 12, **own: Any) -> Part:
    """In a row on top of the plot."""
    return {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": size}} | own


def hover_on_ground(dark: bool) -> Part:
    """A hover box of the page's colour, where the trace's own would make the text hard to read."""
    return {"align": "left", "bgcolor": theme.background(dark)}


def scatter(**parts: Any) -> Part:
    """A trace of points or lines, by Plotly's names."""
    return {"type": "scatter", **parts}


def bars(**parts: Any) -> Part:
    """A trace of bars, by Plotly's names."""
    return {"type": "bar", **parts}


def heat(**parts: Any) -> Part:
    """A trace of coloured cells, by Plotly's names."""
    return {"type": "heatmap", **parts}
