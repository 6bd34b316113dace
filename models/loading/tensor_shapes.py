"""Names and shapes of the tensors in a folder's weight files, read from their headers alone."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path

from safetensors import safe_open


def weight_files(folder: Path) -> list[Path]:
    """The safetensors that transformers opens: the single file, or else the shards that the index names."""
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.is_file():
        return [single]
    if not index.is_file():
        return []
    names = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
    return [folder / name for name in sorted(names)]


def tensor_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor in the folder's weight files by its name."""
    found: dict[str, tuple[int, ...]] = {}
    for path in weight_files(folder):
        with safe_open(path, framework="pt") as tensors:
            for key in tensors.keys():  # noqa: SIM118 - safe_open is no mapping
                found[key] = tuple(tensors.get_slice(key).get_shape())
    return found


def parameters(folder: Path) -> int:
    """How many numbers the folder's weight files hold."""
    return sum(map(prod, tensor_shapes(folder).values()))
