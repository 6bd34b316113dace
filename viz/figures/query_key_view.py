"""The query-key view: which dimensions of one head's query and keys make its weights.

After BertViz's neuron view, which is bound to its own old BERT and GPT-2 classes and always divides by the
square root of the head's width. Here the scaling is the model's own, bars have a sign and a height instead
of an opacity, and the page says so when the product alone does not explain the weights.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import BadSelection
from viz.figures.document import asset, custom_properties, html_document, packed, script, script_json
from viz.figures.long_tokens import whole
from viz.figures.page_colours import page_colours
from viz.figures.token_text import label

_TOLERANCE = 1e-3
_UNEXPLAINED = (
    "This model adds something to the score that is not drawn here (a position bias, a soft cap or a sink),"
    " so the weights do not follow from q·k alone."
)


def query_key_html(
    query: Any,
    key: Any,
    pattern: Any,
    query_tokens: tuple[str, ...],
    key_tokens: tuple[str, ...],
    *,
    title: str,
    scaling: float | None = None,
    scores: Any | None = None,
    selected: int | None = None,
    dark: bool = False,
) -> str:
    """A self-contained page: for a chosen query token, q, every k, q x k, their sum and the weight.

    query: [query, d_head]; key: [key, d_head], both as the head multiplies them (after rotary embedding).
    pattern: [query, key], weights after the softmax. scaling: what q·k is multiplied by, 1/sqrt(d_head)
    unless told. scores: [query, key] before the softmax where the model adds to q·k (position bias, soft
    cap); the difference gets a column of its own. selected: the query shown first, the last one unless told.
    Raises BadSelection where the shapes disagree.
    """
    q, k, weights = (np.asarray(part, dtype=np.float32) for part in (query, key, pattern))
    _check(q, k, weights, query_tokens, key_tokens)
    scale = q.shape[1] ** -0.5 if scaling is None else float(scaling)
    product = (q @ k.T) * scale
    total = product if scores is None else np.asarray(scores, dtype=np.float32)
    start = len(query_tokens) - 1 if selected is None else selected
    if not 0 <= start < len(query_tokens):
        raise BadSelection(
            f"Query {start} is out of range: the text has tokens 0 to {len(query_tokens) - 1}."
        )
    data = {
        "query": packed(q, "float32"),
        "key": packed(k, "float32"),
        "pattern": packed(np.nan_to_num(weights), "float32"),
        "other": None if scores is None else packed(_finite(total - product), "float32"),
        "scaling": scale,
        "queryTokens": [whole(token) for token in query_tokens],
        "keyTokens": [whole(token) for token in key_tokens],
        "title": label(title, 80),
        "selected": start,
        "note": "" if _explains(total, weights) else _UNEXPLAINED,
    }
    return _page(data, title, dark)


def estimated_query_key_bytes(queries: int, keys: int, d_head: int) -> int:
    """What the page will weigh, in bytes: float32 in base64."""
    numbers = (queries + keys) * d_head + queries * keys
    return round(_fixed_bytes() + numbers * 4 * 4 / 3 + (queries + keys) * 10)


@cache
def _fixed_bytes() -> int:
    one = np.ones((1, 1), np.float32)
    return len(query_key_html(one, one, one, ("a",), ("a",), title="L0 H0"))


def _page(data: dict[str, Any], title: str, dark: bool) -> str:
    body = (
        '<div id="view"></div>\n'
        + script(asset("unpack.js"))
        + script(f"window.headlight = {script_json(data)};")
        + script(asset("query_key.js"))
    )
    style = custom_properties(page_colours(dark)) + asset("query_key.css")
    return html_document(f"{label(title, 80)}: query and key", body, style=style, dark=dark)


def _explains(scores: NDArray[Any], weights: NDArray[Any]) -> bool:
    """Whether a softmax of the scores over the keys with any weight gives the weights."""
    seen = weights > 0
    masked = np.where(seen, scores, -np.inf)
    top = masked.max(axis=1, keepdims=True)
    exponent = np.exp(masked - np.where(np.isfinite(top), top, 0))
    expected = exponent / np.maximum(exponent.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return bool(np.abs(expected - np.nan_to_num(weights)).max() < _TOLERANCE)


def _finite(values: NDArray[Any]) -> NDArray[Any]:
    """Masked places hold minus infinity; JSON and bars want numbers, and nothing is drawn there."""
    return np.where(np.isfinite(values) & (np.abs(values) < 1e30), values, 0)


def _check(
    q: NDArray[Any], k: NDArray[Any], weights: NDArray[Any], queries: tuple[str, ...], keys: tuple[str, ...]
) -> None:
    width = q.shape[-1]
    expected = ((len(queries), width), (len(keys), width), (len(queries), len(keys)))
    came = (q.shape, k.shape, weights.shape)
    if came != expected or 0 in weights.shape:
        raise BadSelection(
            f"The query-key view needs queries, keys and weights of {expected}, but they are {came}:"
            " pass one head's arrays with the tokens of the same text."
        )
