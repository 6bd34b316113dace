"""Attention weights in 8 bits, as the browser gets them for colouring and hovering."""

import base64
from typing import Any

import numpy as np


def pack_weights(weights: Any) -> str:
    """Weights of 0 to 1, any shape, as base64 of `round(255 * sqrt(weight))`, one byte each, rows first.

    The root keeps weights apart down to 1/65025, where 8 even steps of 1/255 would lose most of a long text's row.
    The browser undoes it: `(byte / 255) ** 2`. NaN counts as 0.
    """
    values = np.nan_to_num(np.asarray(weights, dtype=np.float32), nan=0.0).clip(0.0, 1.0)
    return base64.b64encode(np.rint(255 * np.sqrt(values)).astype(np.uint8).tobytes()).decode("ascii")
