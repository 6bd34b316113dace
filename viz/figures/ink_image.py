"""Weights as a picture of one pixel each, in the theme's ink."""

import io
from typing import Any

import numpy as np
from PIL import Image

from viz import theme
from viz.figures.scales import Scale, bent

LEVELS = 256


def ink_palette(dark: bool) -> list[tuple[int, int, int]]:
    """The ink scale in 256 steps, from no weight to the most, as red, green, blue of 0 to 255."""
    stops = theme.ink(dark)
    colours = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in stops], dtype=float)
    at = np.linspace(0, len(stops) - 1, LEVELS)
    channels = [np.interp(at, np.arange(len(stops)), colours[:, channel]) for channel in range(3)]
    return [(int(red), int(green), int(blue)) for red, green, blue in np.rint(np.stack(channels, axis=1))]


def ink_png(weights: Any, top: float, dark: bool, scale: Scale = "linear") -> bytes:
    """A PNG with a palette: the pixel in row `query`, column `key` holds round(255 * weight / top), bent as the scale says.

    weights: [query, key]; beyond 0 to `top` it is clipped, NaN counts as 0.
    """
    values = np.nan_to_num(np.asarray(weights, dtype=np.float64) / top, nan=0.0).clip(0, 1)
    values = bent(values, scale)
    image = Image.fromarray(np.rint(values * (LEVELS - 1)).astype(np.uint8)).convert("P")
    image.putpalette([channel for colour in ink_palette(dark) for channel in colour])
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()
