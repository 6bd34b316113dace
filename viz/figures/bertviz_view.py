"""BertViz's head view and model view as one self-contained page each: no CDN, any token, a known weight.

Weights travel as 16-bit integers (an error of at most 7.7e-6 of a weight of 1) instead of decimal text
written twice: 2.7 bytes a weight where BertViz's own page takes 28 to 45. BertViz draws one SVG line per
weight in sight, so besides the bytes there is a limit on lines, beyond which a browser takes many seconds or
gives up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import BadSelection
from viz.figures.bertviz_template import SELF, SENTENCE_PAIR, Template, View, template
from viz.figures.document import (
    asset,
    custom_properties,
    html_document,
    packed,
    script,
    script_json,
    vendored,
)
from viz.figures.long_tokens import whole
from viz.figures.page_colours import page_colours
from viz.figures.token_text import shortened, visible

BERTVIZ_LIMIT_BYTES = 20_000_000
BERTVIZ_LIMIT_LINES = 250_000

_STACKS = ("encoder", "decoder", "cross")
_TOKEN_WIDTH = {"head": 32, "model": 12}  # characters that fit
_HINT = {
    "head": "Hover over a token for its lines. Click a square to switch a head, double-click for it alone.",
    "model": "Click a head to enlarge it, and once more to close it.",
}
_VIS = "<div id='vis'></div>"
_SCALE = 65535
_BYTES_PER_WEIGHT = 2 * 4 / 3
_BYTES_PER_TOKEN = 10
# Paul Tol's "muted" scheme, apart for colour-blind eyes too; ten, as in BertViz's own.
_HUES = (
    "#332288",
    "#cc6677",
    "#117733",
    "#ddaa33",
    "#88ccee",
    "#882255",
    "#44aa99",
    "#999933",
    "#aa4499",
    "#777777",
)
# The dark style turns lightness round (see bertviz.css), so these are deep: what is seen is bright.
_HUES_DARK = (
    "#4b2fb0", "#a3323f", "#0f6b2f", "#8a5a00", "#0b6a94",
    "#8a1f5c", "#167a6c", "#5f5f00", "#8f2d8f", "#555555",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Panel:
    """What one stack looks at, in the layers and heads chosen.

    name: "self", or "encoder", "decoder", "cross" where a model has several. attention: [layer, head, query,
    key], each row sums to 1. Tokens are display strings, one a query and one a key.
    """

    name: str
    attention: Any
    query_tokens: tuple[str, ...]
    key_tokens: tuple[str, ...]


def head_view_html(
    panels: Sequence[Panel],
    layers: Sequence[int],
    heads: Sequence[int],
    *,
    layer: int | None = None,
    shown_heads: Sequence[int] | None = None,
    dark: bool = False,
) -> str:
    """BertViz's head view: all heads of one layer as coloured lines from query to key.

    layers, heads: the real numbers of the panels' first two axes. layer, shown_heads: what is lit at the
    start (the first layer and all heads, unless told). Raises BadSelection where shapes, tokens or numbers
    disagree.
    """
    _check(panels, layers, heads)
    if layer is not None and layer not in layers:
        raise BadSelection(
            f"Layer {layer} is not among the layers shown ({_listed(layers)}): choose one of those."
        )
    missing = [head for head in shown_heads or () if head not in heads]
    if missing:
        raise BadSelection(
            f"Head {missing[0]} is not among the heads shown ({_listed(heads)}): choose one of those."
        )
    lit = None if shown_heads is None else [list(heads).index(head) for head in shown_heads]
    parts = template("head", [panel.name for panel in panels], layers, heads)
    parts.parameters.update(layer=layer, heads=lit)
    return _page("head", parts, panels, dark, _head_numbers(heads))


def model_view_html(
    panels: Sequence[Panel], layers: Sequence[int], heads: Sequence[int], *, dark: bool = False
) -> str:
    """BertViz's model view: every head of every layer given as a thumbnail; a click enlarges one.

    layers, heads: the real numbers of the panels' first two axes. Raises BadSelection where they disagree.
    """
    _check(panels, layers, heads)
    parts = template("model", [panel.name for panel in panels], layers, heads)
    parts.parameters.update(display_mode="light", total_heads=len(heads))
    return _page("model", parts, panels, dark)


def sentence_pair_panels(panel: Panel, second_start: int) -> tuple[Panel, ...]:
    """BertViz's five cuts of a text pair: all, a to a, b to b, a to b, b to a.

    panel: self-attention over both texts; second_start: position of the second text's first token.
    """
    if not 0 < second_start < len(panel.query_tokens):
        raise BadSelection(
            f"The second text must start inside the {len(panel.query_tokens)} tokens, but position"
            f" {second_start} was given: show the whole text instead."
        )
    attention = np.asarray(panel.attention)
    a, b, whole = slice(0, second_start), slice(second_start, None), slice(None)
    cuts = ((whole, whole), (a, a), (b, b), (a, b), (b, a))
    return tuple(
        Panel(name, attention[:, :, rows, columns], panel.query_tokens[rows], panel.key_tokens[columns])
        for name, (rows, columns) in zip(SENTENCE_PAIR, cuts, strict=True)
    )


def pair_sizes(tokens: int, second_start: int) -> tuple[tuple[int, int], ...]:
    """Queries and keys of each of the five cuts of `sentence_pair_panels`."""
    first, second = second_start, tokens - second_start
    return (tokens, tokens), (first, first), (second, second), (first, second), (second, first)


def estimated_bytes(view: View, shapes: Sequence[tuple[int, int, int, int]]) -> int:
    """What the page will weigh, in bytes, before anything is computed.

    shapes: (layers, heads, queries, keys) of each panel. Exact but for the length of the tokens.
    """
    weights = sum(layers * heads * queries * keys for layers, heads, queries, keys in shapes)
    tokens = sum(queries + keys for _, _, queries, keys in shapes)
    return round(_fixed_bytes(view) + weights * _BYTES_PER_WEIGHT + tokens * _BYTES_PER_TOKEN)


def drawn_lines(view: View, shapes: Sequence[tuple[int, int, int, int]]) -> int:
    """How many SVG lines are drawn at once: one layer's weights in the head view, all in the model view."""
    return max(
        (1 if view == "head" else layers) * heads * queries * keys for layers, heads, queries, keys in shapes
    )


def within_limits(view: View, shapes: Sequence[tuple[int, int, int, int]]) -> bool:
    """Whether the view is light enough to offer without a warning."""
    return (
        estimated_bytes(view, shapes) <= BERTVIZ_LIMIT_BYTES
        and drawn_lines(view, shapes) <= BERTVIZ_LIMIT_LINES
    )


@cache
def _fixed_bytes(view: View) -> int:
    panel = Panel("self", np.ones((1, 1, 1, 1), np.float32), ("a",), ("a",))
    page = head_view_html([panel], [0], [0]) if view == "head" else model_view_html([panel], [0], [0])
    return len(page)


def _page(view: View, parts: Template, panels: Sequence[Panel], dark: bool, above: str = "") -> str:
    longest = 0
    whole_of: dict[str, str] = {}
    for slot, panel in zip(parts.parameters["attention"], panels, strict=True):
        slot["attn"] = packed(_quantised(panel.attention), "uint16") | {"scale": 1 / _SCALE}
        slot["left_text"] = _labels(view, panel.query_tokens)
        slot["right_text"] = _labels(view, panel.key_tokens)
        whole_of |= _cut(view, (*panel.query_tokens, *panel.key_tokens))
        longest = max(longest, *(len(text) for text in slot["left_text"]))
    hues = f"d3.schemeCategory10 = {script_json(_HUES_DARK if dark else _HUES)};"
    data = f"headlightBertviz({script_json(parts.parameters)})"
    told = f"headlightTell({script_json(whole_of)});"
    assert _VIS in parts.markup, "BertViz draws into this element"
    body = (
        f'<p class="hint">{_HINT[view]}</p>\n'
        + parts.markup.replace(_VIS, above + _VIS)
        + script(vendored("d3-5.7.0.min.js"))
        + script(vendored("jquery-3.7.1.slim.min.js"))
        + script(asset("unpack.js"))
        + script(asset("bertviz.js") + hues + told)
        + script(parts.code_before + data + parts.code_after)
    )
    room = max(0, longest - 12) * 8 if view == "head" else 0  # BertViz gives the left tokens 110 px
    style = custom_properties(page_colours(dark) | {"left-room": f"{room}px"}) + asset("bertviz.css")
    return html_document(f"BertViz {view} view", body, style=style, dark=dark)


def _labels(view: View, tokens: Sequence[str]) -> list[str]:
    return [shortened(visible(token), _TOKEN_WIDTH[view]) for token in tokens]


def _cut(view: View, tokens: Sequence[str]) -> dict[str, str]:
    """By its label, the whole of each token whose label leaves something out."""
    pairs = zip(_labels(view, tokens), map(whole, tokens), strict=True)
    return {short: told for short, told in pairs if len(told) > len(short)}


def _quantised(attention: Any) -> NDArray[np.uint16]:
    weights = np.asarray(attention, dtype=np.float32)
    return np.rint(np.clip(np.nan_to_num(weights), 0, 1) * _SCALE).astype(np.uint16)


def _head_numbers(heads: Sequence[int]) -> str:
    """A number above each of the coloured squares, to which BertViz gives none."""
    numbers = "".join(f"<li>{int(head)}</li>" for head in heads)
    return f'<ol class="heads" aria-label="heads">{numbers}</ol>\n'


def _check(panels: Sequence[Panel], layers: Sequence[int], heads: Sequence[int]) -> None:
    names = tuple(panel.name for panel in panels)
    stacks = tuple(name for name in _STACKS if name in names)
    if not names or (names not in (SELF, SENTENCE_PAIR) and names != stacks):
        raise BadSelection(
            f"BertViz shows one stack, a text pair, or {_listed(_STACKS)} in that order; got {names}."
        )
    for panel in panels:
        expected = (len(layers), len(heads), len(panel.query_tokens), len(panel.key_tokens))
        shape = tuple(panel.attention.shape)
        if shape != expected or 0 in shape:
            raise BadSelection(
                f"BertViz needs weights of {expected} (layers, heads, queries, keys) for the stack"
                f" '{panel.name}', but they are {shape}: choose layers and heads that every stack shown has."
            )


def _listed(values: Sequence[object]) -> str:
    return ", ".join(str(value) for value in values)
