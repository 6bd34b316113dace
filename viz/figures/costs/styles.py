"""How contenders are told apart in charts of what they cost: a colour for the kind of attention, a sign for each."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from html import escape

from models.shape.attention_geometry import Kind
from viz.figures.kinds import KIND_STYLES, KindStyle
from viz.figures.token_text import shortened

_VARIANTS = ("", "-open", "-dot", "-open-dot")  # of plotly's symbols
_DASHES = ("solid", "dash", "dot", "longdash", "dashdot", "longdashdot")
_SIGNS = {
    "circle": '<circle cx="17" cy="7" r="4.5"/>',
    "square": '<rect x="12.5" y="2.5" width="9" height="9"/>',
    "diamond": '<path d="M17 1.5 22.5 7 17 12.5 11.5 7Z"/>',
    "triangle-up": '<path d="M17 1.8 22.5 11.2H11.5Z"/>',
}
_PATTERNS = {
    "solid": "", "dash": "6 3", "dot": "2 2", "longdash": "9 3", "dashdot": "6 2 2 2", "longdashdot": "9 2 2 2",
}  # fmt: skip


def contender_styles(kinds: Mapping[str, Kind]) -> dict[str, KindStyle]:
    """Label to style. The first of a kind looks like the kind everywhere; the others have its colour and another sign."""
    seen: Counter[Kind] = Counter()
    styles = {}
    for label, kind in kinds.items():
        styles[label] = _variant(KIND_STYLES[kind], seen[kind])
        seen[kind] += 1
    return styles


def _variant(style: KindStyle, number: int) -> KindStyle:
    dash = _DASHES[(_DASHES.index(style.dash) + number) % len(_DASHES)]
    return replace(style, symbol=style.symbol + _VARIANTS[number % len(_VARIANTS)], dash=dash)


def legend_html(styles: Mapping[str, KindStyle], *, dark: bool = False) -> str:
    """One line of signs and names for all charts below it."""
    entries = [
        f'<span style="display:inline-flex;align-items:center;gap:6px">{_sign(style, dark)}'
        f"{escape(shortened(label, 48))}</span>"
        for label, style in styles.items()
    ]
    return f'<div style="display:flex;flex-wrap:wrap;gap:4px 18px;font-size:13px">{"".join(entries)}</div>'


def _sign(style: KindStyle, dark: bool) -> str:
    base, *variants = style.symbol.split("-open")[0].split("-dot")[0], *style.symbol.split("-")[1:]
    colour = style.colour(dark)
    fill = "none" if "open" in variants else colour
    dot = (
        f'<circle cx="17" cy="7" r="1.4" fill="{colour if fill == "none" else "#fff"}"/>'
        if "dot" in variants
        else ""
    )
    drawn = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="34" height="14"><line x1="1" y1="7" x2="33" y2="7" '
        f'stroke="{colour}" stroke-width="2" stroke-dasharray="{_PATTERNS[style.dash]}"/><g fill="{fill}" '
        f'stroke="{colour}" stroke-width="1.5">{_SIGNS[base]}</g>{dot}</svg>'
    )
    # As a picture: Streamlit takes drawings out of a page's HTML.
    return f'<img alt="" src="data:image/svg+xml;base64,{b64encode(drawn.encode()).decode()}">'
