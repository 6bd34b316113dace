"""One head as a page to keep or send: the heatmap with its numbers on hover, and what is known of the head.

About 10 kB plus 5.3 bytes a weight, against the 5 MB that a page with plotly.js inside would take.
"""

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from viz.figures.document import asset, custom_properties, html_document, packed, script, script_json
from viz.figures.ink_image import ink_palette
from viz.figures.long_tokens import whole
from viz.figures.number_text import number_text
from viz.figures.one_head import head_weights
from viz.figures.page_colours import page_colours
from viz.figures.scales import Scale
from viz.figures.token_text import visible

_LABEL_WIDTH = 24


def head_html(
    pattern: Any,
    query_tokens: tuple[str, ...],
    key_tokens: tuple[str, ...],
    *,
    head: str,
    role: str = "",
    model: str = "",
    text: str = "",
    scores: Mapping[str, tuple[float, float]] | None = None,
    dark: bool = False,
    scale: Scale = "linear",
    leave_out_first: bool = False,
    measure: str = "weight",
    first_token: int = 0,
) -> str:
    """A self-contained HTML document of one head; opens from a file with no network.

    pattern: [query, key]. head: "L5 H3". role: its name for people, "" for none. model, text: what was
    looked at. scores: name to (value, chance level); NaN where the text gives none. scale, leave_out_first: how
    it is coloured at first. measure: what the weights are. first_token: position in the text of the first token
    given. Raises BadSelection where tokens and weights disagree.
    """
    weights = np.nan_to_num(head_weights(pattern, query_tokens, key_tokens))
    data = {
        "pattern": packed(weights, "float32"),
        "queryTokens": [whole(token) for token in query_tokens],
        "keyTokens": [whole(token) for token in key_tokens],
        "labelWidth": _LABEL_WIDTH,
        "scale": scale,
        "leaveOutFirst": leave_out_first and first_token == 0,
        "measure": measure,
        "firstToken": first_token,
        "palette": packed(np.array(ink_palette(dark)), "uint8"),
    }
    title = f"{head} · {role}" if role else head
    body = (
        f'<h1>{escape(visible(title))}</h1>\n<p class="about">{escape(visible(model))}</p>\n'
        f'<blockquote dir="auto">{_lines(text)}</blockquote>\n'
        '<div id="heatmap"></div>\n'
        + _score_table(scores or {})
        + script(asset("unpack.js"))
        + script(f"window.headlight = {script_json(data)};")
        + script(asset("head_page.js"))
    )
    style = custom_properties(page_colours(dark)) + asset("head_page.css")
    return html_document(visible(f"{title} · {model}" if model else title), body, style=style, dark=dark)


def _lines(text: str) -> str:
    """The text with its line breaks; everything else that cannot be seen is shown as in the tokens."""
    return "\n".join(escape(visible(line)) for line in text.split("\n"))


def _score_table(scores: Mapping[str, tuple[float, float]]) -> str:
    if not scores:
        return ""
    rows = "".join(
        f"<tr><th>{escape(visible(name.replace('_', ' ')))}</th>{_cell(value)}{_cell(chance)}</tr>\n"
        for name, (value, chance) in scores.items()
    )
    header = "<thead><tr><th>score</th><th>value</th><th>chance</th></tr></thead>"
    return f"<table>{header}<tbody>\n{rows}</tbody></table>\n"


def _cell(value: float) -> str:
    if not np.isfinite(value):
        return '<td title="the text gives no chance to tell">–</td>'
    return f'<td title="{float(value)!r}">{escape(number_text(value))}</td>'
