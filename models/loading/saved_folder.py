"""A model as a folder: weights, config, tokenizer, and how to open it in plain words."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from models.errors import BadSelection, BrokenWeights
from models.quiet_transformers import quiet_transformers
from models.run.model import AttentionModel
from models.shape.removed_heads import is_stock


def save(model: AttentionModel, folder: str | Path) -> Path:
    """Write a model with its tokenizer into a new folder, which `models.load` opens to the same logits, bit for bit.

    (Of a text read at once. What PyTorch computes for a single token depends in its last bits on where weights happen to
    lie in memory, of this as of any model.)

    Any model: as it was loaded, with heads removed, converted, or both; what it was made from stands in its config. Where a
    class of transformers has room for what is left (`removal_cost(...).stock`), transformers alone opens it too. Weights are
    safetensors; there is no code in the folder. It appears whole or not at all. Returns the folder. Raises BadSelection where
    there is something in it already, BrokenWeights where it cannot be written.
    """
    place = Path(folder).expanduser()
    try:
        if place.exists() and (place.is_file() or any(place.iterdir())):
            raise BadSelection(f"There is something in {place} already: give a new folder.")
        place.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
        try:
            _write(model, scratch / "whole")
            (scratch / "whole").replace(place)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise BrokenWeights(
            f"The model could not be written to {place} ({error.strerror or error}): free some space or give another folder."
        ) from None
    return place


def _write(model: AttentionModel, folder: Path) -> None:
    with quiet_transformers():
        model.module.save_pretrained(folder)
        if model.tokenizer is not None:
            model.tokenizer.save_pretrained(folder)
    (folder / "README.md").write_text(_readme(model), "utf-8")


def _readme(model: AttentionModel) -> str:
    gone = () if model.removed is None else model.removed.gone
    listed = ", ".join(f"L{layer} H{head}" for layer, head in gone)
    removed = f"Attention heads that were removed, as the original model counts them from 0: {listed}."
    told = (f"# {model.name}", model.note, removed if gone else "", _how_to_open(model))
    return "\n\n".join(filter(None, told)) + "\n"


def _how_to_open(model: AttentionModel) -> str:
    ours = 'In Headlight: `models.load("this folder")`, or give the folder\'s path on any page.'
    config, kind = model.module.config, type(model.module).__name__
    if is_stock(config):
        return f'{ours}\nIn transformers: `{kind}.from_pretrained("this folder")`.'
    if not type(config).__module__.startswith("transformers."):
        return f"{ours}\ntransformers alone cannot open it: {kind} is a class of Headlight's own. No code is in this folder."
    return (
        f"{ours}\ntransformers alone cannot open it: {kind} has no setting for the heads that each layer still has. They "
        "stand in `config.json` under `headlight_removed`, and Headlight takes the others out of the class before it reads "
        "the weights. No code is in this folder, and none is run from it."
    )
