"""How many bytes BertViz's model view makes of a capture, counted without building a page of gigabytes."""

import json
from collections.abc import Sequence
from typing import Any

import torch
from bertviz import model_view
from torch import Tensor

import models

_COPIES = 2  # BertViz's script names its parameters twice, once in a comment


def measured_bytes(run: models.Capture) -> int:
    """Length of the page that BertViz makes."""
    patterns = [run.pattern(layer)[None] for layer in range(run.layers())]
    return _page_bytes(patterns, run.tokens)


def counted_bytes(run: models.Capture) -> int:
    """The same, exact to the byte: one token's page, with this text's weights and tokens in place of its own."""
    layers, heads = run.layers(), run.heads(0)
    single = [torch.ones(1, heads, 1, 1)] * layers
    fixed = _page_bytes(single, ("a",)) - _COPIES * (_json_bytes([one[0].tolist() for one in single]) + 2 * 5)
    weights = sum(_layer_bytes(run, layer) for layer in range(layers)) + 2 * layers
    tokens = 2 * _json_bytes(list(run.tokens))
    return fixed + _COPIES * (weights + tokens)


def _layer_bytes(run: models.Capture, layer: int) -> int:
    """Length of one layer's weights as JSON, a head at a time: as Python lists all heads would fill the memory."""
    heads = run.heads(layer)
    return sum(_json_bytes(run.pattern(layer, head).tolist()) for head in range(heads)) + 2 * heads


def _json_bytes(value: object) -> int:
    return len(json.dumps(value))


def _page_bytes(patterns: Sequence[Tensor], tokens: Sequence[str]) -> int:
    # Tokens are left as they are: what BertViz strips from them is a matter of a few bytes.
    page: Any = model_view(list(patterns), list(tokens), html_action="return", prettify_tokens=False)
    return len(page.data.encode())
