"""A head's pattern as a standalone SVG for a paper: one pixel a weight, tokens on both axes, a colour bar."""

import math
import textwrap
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from viz import theme
from viz.figures.ink_image import ink_png
from viz.figures.long_tokens import whole
from viz.figures.one_head import head_weights
from viz.figures.scales import LOG_DECADES, Scale, bent
from viz.figures.token_text import label, visible

_PLOT = 560.0  # the longer side of the pattern, px
_LARGEST_CELL = 34.0
_FONT = 11.0
_CHARACTER = 6.3  # width of a letter at that size, about
_LABEL_WIDTH = 18  # characters
_LABEL_PITCH = 12.0  # px from label to label, at least
_EDGE = 16.0
_TITLE_HEIGHT = 34.0
_BAR_WIDTH, _BAR_GAP, _BAR_ROOM = 12.0, 22.0, 64.0
_CAPTION_LINE = 15.0
_MOST_CAPTION_LINES = 6


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where things stand, in px from the picture's upper left corner."""

    left: float
    top: float
    width: float
    height: float
    page_width: float
    axis_room: float
    caption: list[str]

    @property
    def caption_top(self) -> float:
        return self.top + self.height + self.axis_room + 26

    @property
    def page_height(self) -> float:
        return self.caption_top + _CAPTION_LINE * len(self.caption) + _EDGE / 2


def heatmap_svg(
    pattern: Any,
    query_tokens: tuple[str, ...],
    key_tokens: tuple[str, ...],
    title: str,
    caption: str,
    dark: bool = False,
    *,
    scale: Scale = "linear",
    measure: str = "weight",
) -> str:
    """An SVG document of one head's weights.

    pattern: [query, key], drawn from 0 to its largest weight as one embedded PNG with a pixel a weight; NaN is left blank.
    scale: how weights become colours. measure: what the weights are, written above the colour bar.
    Labels are thinned where there are more tokens than room. Everything written is made legal XML: control
    characters, lone surrogates and markup are shown, not interpreted. Raises BadSelection where tokens and
    weights disagree.
    """
    weights = np.nan_to_num(head_weights(pattern, query_tokens, key_tokens))
    queries = [label(token, _LABEL_WIDTH) for token in query_tokens]
    keys = [label(token, _LABEL_WIDTH) for token in key_tokens]
    top = float(weights.max()) or 1.0
    layout = _layout(queries, keys, visible(caption))
    muted = theme.muted(dark)
    body = [
        f'<rect width="100%" height="100%" fill="{theme.background(dark)}"/>',
        _text(_EDGE, 24, visible(title), size=16, weight="600"),
        _picture(ink_png(weights, top, dark, scale), layout, muted),
        *_query_labels(queries, query_tokens, layout),
        *_key_labels(keys, key_tokens, layout),
        _text(layout.left, layout.top - 8, "query ↓   key →", colour=muted),
        _colour_bar(layout, top, dark, muted, scale, visible(measure)),
        *(
            _text(_EDGE, layout.caption_top + _CAPTION_LINE * index, line, colour=muted)
            for index, line in enumerate(layout.caption)
        ),
    ]
    return _document(layout, visible(title), visible(caption), theme.text(dark), body)


def _layout(queries: Sequence[str], keys: Sequence[str], caption: str) -> _Layout:
    cell = min(_PLOT / max(len(queries), len(keys)), _LARGEST_CELL)
    width, height = cell * len(keys), cell * len(queries)
    left = _EDGE + 8 + _CHARACTER * max(map(len, queries))
    # Key labels hang at 60 degrees below the picture, to the left of their column.
    axis_room = 10 + 0.87 * _CHARACTER * max(map(len, keys))
    page_width = max(left + width + _BAR_GAP + _BAR_WIDTH + _BAR_ROOM, 360.0)
    lines = textwrap.wrap(caption, int((page_width - 2 * _EDGE) / (_CHARACTER * 0.95)))
    if len(lines) > _MOST_CAPTION_LINES:
        lines = [*lines[: _MOST_CAPTION_LINES - 1], lines[_MOST_CAPTION_LINES - 1] + " …"]
    return _Layout(left, _TITLE_HEIGHT + 24, width, height, page_width, axis_room, lines)


def _picture(png: bytes, at: _Layout, frame: str) -> str:
    box = f'x="{at.left:.2f}" y="{at.top:.2f}" width="{at.width:.2f}" height="{at.height:.2f}"'
    data = b64encode(png).decode("ascii")
    return (
        f'<image {box} preserveAspectRatio="none" image-rendering="optimizeSpeed"'
        f' style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>\n'
        f'<rect {box} fill="none" stroke="{frame}" stroke-width="0.75"/>'
    )


def _query_labels(labels: Sequence[str], tokens: Sequence[str], at: _Layout) -> list[str]:
    cell = at.height / len(labels)
    return [
        _text(
            at.left - 6,
            at.top + (index + 0.5) * cell + _FONT * 0.35,
            labels[index],
            anchor="end",
            told=whole(tokens[index]),
        )
        for index in _thinned(len(labels), cell)
    ]


def _key_labels(labels: Sequence[str], tokens: Sequence[str], at: _Layout) -> list[str]:
    cell = at.width / len(labels)
    bottom = at.top + at.height + 10
    return [
        _text(
            at.left + (index + 0.5) * cell + 3,
            bottom,
            labels[index],
            anchor="end",
            turned=-60,
            told=whole(tokens[index]),
        )
        for index in _thinned(len(labels), cell)
    ]


def _thinned(count: int, cell: float) -> range:
    """Every label where there is room, else every second, third ... one."""
    return range(0, count, math.ceil(_LABEL_PITCH / cell))


def _colour_bar(at: _Layout, top: float, dark: bool, frame: str, scale: Scale, measure: str) -> str:
    height = min(at.height, 180.0)
    x = at.left + at.width + _BAR_GAP
    stops = theme.ink(dark)
    gradient = "".join(
        f'<stop offset="{index / (len(stops) - 1):.4f}" stop-color="{colour}"/>'
        for index, colour in enumerate(stops)
    )
    parts = [
        f'<linearGradient id="ink" x1="0" y1="1" x2="0" y2="0">{gradient}</linearGradient>',
        f'<rect x="{x:.2f}" y="{at.top:.2f}" width="{_BAR_WIDTH}" height="{height:.2f}" fill="url(#ink)"'
        f' stroke="{frame}" stroke-width="0.75"/>',
    ]
    for tick in _ticks(top, scale):
        y = at.top + height * (1 - float(bent(tick / top, scale)))
        end = x + _BAR_WIDTH
        parts.append(f'<path d="M{end:.2f} {y:.2f}h4" stroke="{frame}" stroke-width="0.75"/>')
        parts.append(_text(end + 7, y + _FONT * 0.35, f"{tick:.3g}"))
    begin = min(x, x + _BAR_WIDTH + _BAR_ROOM - 4 - _CHARACTER * len(measure))
    parts.append(_text(begin, at.top - 8, measure, colour=frame))
    return "\n".join(parts)


def _ticks(top: float, scale: Scale) -> list[float]:
    """Zero and round steps up to `top`: two to five of them; on the logarithmic scale `top` and its tenths."""
    if scale == "logarithmic":
        return [top * 10.0**-decade for decade in range(int(LOG_DECADES) + 1)]
    magnitude = 10.0 ** math.floor(math.log10(top))
    step = next(size * magnitude for size in (0.25, 0.5, 1.0, 2.5) if top / (size * magnitude) <= 5)
    return [index * step for index in range(math.floor(top / step + 1e-6) + 1)]


def _text(
    x: float, y: float, content: str, *, anchor: str = "start", turned: int = 0, size: float = _FONT,
    weight: str = "", colour: str = "", told: str = "",
) -> str:  # fmt: skip
    """told: what is read by pointing at it, where that says more than the content."""
    turn = f' transform="rotate({turned} {x:.2f} {y:.2f})"' if turned else ""
    bold = f' font-weight="{weight}"' if weight else ""
    fill = f' fill="{colour}"' if colour else ""
    hint = f"<title>{escape(told)}</title>" if told and told != content else ""
    return (
        f'<text x="{x:.2f}" y="{y:.2f}" font-size="{size:g}" text-anchor="{anchor}"{turn}{bold}{fill}'
        f' xml:space="preserve">{hint}{escape(content)}</text>'
    )


def _document(at: _Layout, title: str, caption: str, ink: str, body: Sequence[str]) -> str:
    width, height = math.ceil(at.page_width), math.ceil(at.page_height)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" font-family="Helvetica, Arial, sans-serif"'
        f' fill="{ink}" role="img">\n'
        f"<title>{escape(title)}</title>\n<desc>{escape(caption)}</desc>\n" + "\n".join(body) + "\n</svg>\n"
    )
