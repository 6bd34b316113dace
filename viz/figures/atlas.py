"""All heads of a model as one small grey PNG: what the wall of heads shows.

The picture holds brightness only. The browser gives it its colour, so a switch between the light and the dark theme
needs nothing from the server.
"""

import base64
import hashlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from PIL import Image

Scale = Literal["sqrt", "linear", "log"]

# The log scale shows four orders of magnitude below the strongest weight.
LOG_DECADES = 4.0


@dataclass(frozen=True, slots=True)
class Atlas:
    """Tiles of all heads, in reading order (layer by layer), packed into one picture.

    png: 8-bit grey, 0 for no attention to 255 for the most.
    size: pixels along one side of a tile.
    columns: tiles in one row of the picture; the last row may be shorter.
    heads: number of heads in each layer.
    key: short hash of the picture, equal for equal pictures.
    """

    png: bytes = field(repr=False)
    size: int
    columns: int
    heads: tuple[int, ...]
    key: str

    @property
    def data_url(self) -> str:
        """The picture as a `data:` URL."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")

    @property
    def count(self) -> int:
        """How many tiles there are."""
        return sum(self.heads)

    def index(self, layer: int, head: int) -> int:
        """Position of a head in reading order; raises IndexError for a head that does not exist."""
        if not 0 <= layer < len(self.heads):
            raise IndexError(f"layer {layer} out of range: the wall has {len(self.heads)} layers")
        if not 0 <= head < self.heads[layer]:
            raise IndexError(f"head {head} out of range: layer {layer} has {self.heads[layer]} heads")
        return sum(self.heads[:layer]) + head


def make_atlas(
    tiles: Any,
    heads: Sequence[int] | None = None,
    *,
    scale: Scale = "sqrt",
    shared: bool = False,
) -> Atlas:
    """Pack tiles into an atlas.

    tiles: weights of at least 0, [layer, head, size, size], or one [head, size, size] per layer where layers differ
        in their number of heads. NaN counts as 0.
    heads: heads in each layer, where `tiles` is padded to the widest layer.
    scale: how weights become brightness; the square root makes faint structure visible.
    shared: True scales all tiles by the strongest weight of the whole model, False each by its own strongest weight,
        so that a head that spreads its attention thinly still shows its shape.
    """
    layers = [_layer(tile, index, heads) for index, tile in enumerate(tiles)]
    counts = tuple(len(layer) for layer in layers)
    if not sum(counts):
        raise ValueError("expected the tiles of at least one head, got none")
    sides = {layer.shape[1:] for layer in layers if len(layer)}
    if len(sides) != 1:
        raise ValueError(f"expected square tiles of one size, got {sorted(sides)}")
    size = sides.pop()[0]
    grey = _grey(np.concatenate([layer for layer in layers if len(layer)]), scale, shared)
    columns = math.ceil(math.sqrt(len(grey)))
    rows = math.ceil(len(grey) / columns)
    sheet = np.zeros((rows * columns, size, size), np.uint8)
    sheet[: len(grey)] = grey
    sheet = sheet.reshape(rows, columns, size, size).swapaxes(1, 2).reshape(rows * size, columns * size)
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, "PNG", optimize=True)
    png = buffer.getvalue()
    return Atlas(png, size, columns, counts, hashlib.sha256(png).hexdigest()[:16])


def _layer(tiles: Any, index: int, heads: Sequence[int] | None) -> np.ndarray:
    layer = np.asarray(tiles, dtype=np.float32)
    if layer.ndim != 3 or layer.shape[1] != layer.shape[2]:
        raise ValueError(f"expected tiles [head, size, size] for layer {index}, got shape {layer.shape}")
    return layer if heads is None else layer[: heads[index]]


def _grey(tiles: np.ndarray, scale: Scale, shared: bool) -> np.ndarray:
    """[tile, size, size] weights to 8-bit brightness."""
    tiles = np.nan_to_num(tiles, nan=0.0).clip(min=0.0)
    top = tiles.max(axis=None if shared else (1, 2), keepdims=True)
    part = np.divide(tiles, top, out=np.zeros_like(tiles), where=top > 0)
    if scale == "sqrt":
        part = np.sqrt(part)
    elif scale == "log":
        with np.errstate(divide="ignore"):
            part = (1.0 + np.log10(part) / LOG_DECADES).clip(min=0.0)
    return np.rint(part * 255).astype(np.uint8)
