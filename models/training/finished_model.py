"""The finished model: weights in bfloat16, its tokenizer, its card and the record of its heads, in one folder."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import torch
import transformers
from torch import Tensor, nn

from models.loading.card import Card, essential_shape
from models.loading.loader import load
from models.look.formation import Formation
from models.shape.attention_geometry import Kind
from models.shape.family import family_name
from models.training.head_roles import PROBES, find_roles
from models.training.recipe import Recipe
from models.training.run import Trained
from models.training.validation import validation_loss
from models.training.vocabulary import Tokens


@dataclass(frozen=True, slots=True)
class About:
    """What a card says that the run does not know by itself."""

    command: str
    corpus: str
    licence: str


def export(
    kind: Kind,
    done: Trained,
    recipe: Recipe,
    tokens: Tokens,
    windows: Tensor,
    folder: Path,
    about: About,
    device: str = "cpu",
) -> Card:
    """Write the model into `folder`, where models.load opens it, and measure it as it lies there, in float32 on `device`.

    windows: int64 [window, pos], what it is validated on.
    """
    shutil.rmtree(folder, ignore_errors=True)
    done.model.config.use_cache = True  # the Trainer switches it off
    nn.Module.to(done.model, torch.bfloat16)
    done.model.save_pretrained(folder)
    tokens.tokenizer.save_pretrained(folder)
    done.formation.save(folder / "formation.npz")
    card = _card(kind, done, recipe, windows, folder, about, device)
    card.write(folder)
    return card


def _card(
    kind: Kind, done: Trained, recipe: Recipe, windows: Tensor, folder: Path, about: About, device: str
) -> Card:
    written = load(str(folder), device=device, dtype="float32")
    return Card(
        name=family_name(kind),
        kind=kind,
        config=essential_shape(written.module.config),
        parameters=written.module.num_parameters(),
        tokens_seen=done.tokens_seen,
        planned_tokens=recipe.tokens,
        train_seconds=round(done.seconds, 1),
        device=done.device,
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        transformers=transformers.__version__,
        date=date.today().isoformat(),
        seed=recipe.seed,
        validation_loss=round(validation_loss(written.module, windows), 4),
        validation_tokens=windows.shape[0] * (windows.shape[1] - 1),
        roles=find_roles(written),
        probe=PROBES,
        licence=about.licence,
        corpus=about.corpus,
        repeats=recipe.repeats,
        command=about.command,
        curve=_curve(done.formation),
    )


def _curve(formation: Formation) -> list[list[float]]:
    """(tokens seen, validation loss) at every record."""
    pairs = zip(formation.tokens_seen, formation.validation_loss.tolist(), strict=True)
    return [[seen, round(loss, 4)] for seen, loss in pairs]
