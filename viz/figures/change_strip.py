"""A text as a line of tokens, each coloured by one number: how far its loss rose or fell, or how far a prediction moved."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from viz import theme
from viz.figures.long_tokens import chip

QUIETEST_TOP = 0.5  # nats; colours never make much of less
READABLE_ON = 0.52  # brightness above which text is dark
DARK_TEXT, LIGHT_TEXT = "#12141c", "#ffffff"


def change_strip(values: Any, tokens: Sequence[str], told: Sequence[str], *, signed: bool, dark: bool) -> str:
    """HTML, a box a token. values: [pos], nats; NaN stays without colour. told: what hovering says of each token.

    signed: on the diverging scale, indigo above zero and orange below; else on the ink scale. The colours end at the
    largest value in the text, or at half a nat where all are smaller.
    """
    numbers = np.asarray(values, np.float64)
    if numbers.shape != (len(tokens),) or len(told) != len(tokens):
        raise ValueError(
            f"expected {len(tokens)} values and sentences, one a token, got {numbers.shape}, {len(told)}"
        )
    top = max(float(np.nanmax(np.abs(numbers), initial=0.0)), QUIETEST_TOP)
    boxes = [
        _box(token, number / top, sentence, signed, dark)
        for token, number, sentence in zip(tokens, numbers, told, strict=True)
    ]
    return f'<div style="line-height:1.6;max-height:230px;overflow-y:auto;overflow-wrap:anywhere">{"".join(boxes)}</div>'


def _box(token: str, share: float, told: str, signed: bool, dark: bool) -> str:
    short = chip(token)
    text = short["text"]
    told = "\n".join([short["whole"], told]) if "whole" in short else told
    shown = text.replace(" ", "·") if not text.strip(" ") else text
    ground = "" if np.isnan(share) else _ground(share, signed, dark)
    colour = f"background:{ground};color:{_text_on(ground)};" if ground else ""
    style = f"{colour}border-radius:3px;padding:2px 1px;margin:0 0.5px;white-space:pre-wrap;display:inline-block;max-width:100%"
    line = "<br>" if "\n" in token else ""
    return f'<span dir="auto" title="{escape(told)}" style="{style}">{escape(shown)}</span>{line}'


def _ground(share: float, signed: bool, dark: bool) -> str:
    """The colour at a share of the scale, "" where it is next to the page's own ground."""
    if abs(share) < 0.03:
        return ""
    if signed:
        stops = theme.diverging(dark)
        return _between(stops, (share + 1) / 2)
    return _between(theme.ink(dark), 0.86 * share)


def _between(stops: Sequence[str], at: float) -> str:
    place = min(max(at, 0.0), 1.0) * (len(stops) - 1)
    low = min(int(place), len(stops) - 2)
    one, other = (_rgb(stop) for stop in stops[low : low + 2])
    mixed = [round(a + (b - a) * (place - low)) for a, b in zip(one, other, strict=True)]
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _rgb(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def _text_on(ground: str) -> str:
    red, green, blue = _rgb(ground)
    brightness = (0.299 * red + 0.587 * green + 0.114 * blue) / 255
    return DARK_TEXT if brightness > READABLE_ON else LIGHT_TEXT
