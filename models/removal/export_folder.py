"""A model with removed heads as a folder: weights, config, tokenizer, and how to open it in plain words."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from models.errors import BadSelection, BrokenWeights
from models.quiet_transformers import quiet_transformers
from models.removal.stock import is_stock
from models.run.model import AttentionModel


def export(model: AttentionModel, folder: str | Path) -> Path:
    """Write a model with its tokenizer into a new folder, which `models.load` opens to the same logits, bit for bit.

    (Of a text read at once. What PyTorch computes for a single token depends in its last bits on where weights happen to
    lie in memory, of this as of any model.)

    Where a class of transformers has room for what is left (`removal_cost(...).stock`), transformers alone opens it too;
    elsewhere its config holds a plain record of the heads. Weights are safetensors; there is no code in the folder. It
    appears whole or not at all. Raises BadSelection where there is something in it already, BrokenWeights where it
    cannot be written.
    """
    place = Path(folder).expanduser()
    if place.exists() and (place.is_file() or any(place.iterdir())):
        raise BadSelection(f"There is something in {place} already: give a new folder.")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
        try:
            whole = scratch / "whole"
            with quiet_transformers():
                model.module.save_pretrained(whole)
                if model.tokenizer is not None:
                    model.tokenizer.save_pretrained(whole)
            (whole / "README.md").write_text(_readme(model), "utf-8")
            whole.replace(place)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise BrokenWeights(
            f"The model could not be written to {place} ({error.strerror or error}): free some space or give another folder."
        ) from None
    return place


def _readme(model: AttentionModel) -> str:
    gone = () if model.removed is None else model.removed.gone
    listed = ", ".join(f"L{layer} H{head}" for layer, head in gone) or "none"
    return (
        f"# {model.name}\n\n"
        f"Attention heads that were removed, as the original model counts them from 0: {listed}.\n\n"
        f"{_how_to_open(model)}\n"
    )


def _how_to_open(model: AttentionModel) -> str:
    ours = 'In Headlight: `models.load("this folder")`, or give the folder\'s path on any page.'
    kind = type(model.module).__name__
    if is_stock(model.module.config):
        return f'{ours}\nIn transformers: `{kind}.from_pretrained("this folder")`.'
    return (
        f"{ours}\ntransformers alone cannot open it: {kind} has no setting for the heads that each layer still has. They "
        "stand in `config.json` under `headlight_removed`, and Headlight takes the others out of the class before it reads "
        "the weights. No code is in this folder, and none is run from it."
    )
