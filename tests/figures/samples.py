"""Texts and weights for the tests of views and exports."""

import json
import re
from base64 import b64decode
from typing import Any

import numpy as np

# Each would do harm, or vanish, in some format if it were written as it is.
HOSTILE = (
    "</script><script>window.hacked=1</script>",
    "<img src=x onerror='window.hacked=1'>",
    "<!--",
    "\\\"'`",
    "\u2028",
    "\ud800",
    "\x00",
    "\n",
    "\r\n",
    "&lt;b&gt;",
    "=1+1",
    "-1,5",
    "@SUM(A1)",
    "\u202eright to left",
    " the",
    "",
    "🙂",
    "PYTHON_PARAMS",
    "\ufffe",
)


def attention(layers: int, heads: int, queries: int, keys: int) -> np.ndarray:
    """Random weights [layer, head, query, key] whose rows sum to 1."""
    scores = np.random.default_rng(7).normal(size=(layers, heads, queries, keys)) * 2
    weights = np.exp(scores)
    return (weights / weights.sum(axis=-1, keepdims=True)).astype(np.float32)


def unpacked(box: dict[str, Any]) -> np.ndarray:
    """The array inside a page's data, as `unpack.js` reads it."""
    flat = np.frombuffer(b64decode(box["data"]), np.dtype(box["type"]).newbyteorder("<"))
    return flat.reshape(box["shape"]) * box.get("scale", 1)


def page_data(page: str, before: str) -> dict[str, Any]:
    """The JSON object that follows `before` in a page's script."""
    data, _ = json.JSONDecoder().raw_decode(page, page.index(before) + len(before))
    return data


def loaded_addresses(page: str) -> list[str]:
    """Addresses in a page, but for namespaces and comments that tell where a library is from."""
    addresses = re.findall(r"""(?:https?:)?//[a-z0-9-]+\.[a-z]{2,}[^\s"'<>)]*""", page, re.IGNORECASE)
    known = ("http://www.w3.org/", "https://d3js.org", "https://github.com/tensorflow/tensor2tensor/blob/")
    return [address for address in addresses if not address.startswith(known)]
