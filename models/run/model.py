"""A loaded model, ready to be looked at."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from models.errors import BadText
from models.panics import panics_told
from models.run.plan import Plan
from models.run.tokenizer_turns import alone_with
from models.shape.attention_geometry import Geometry
from models.shape.cache_size import CacheMode
from models.shape.removed_heads import RemovedHeads


@dataclass(frozen=True, slots=True, eq=False)
class AttentionModel:
    """A transformers model in evaluation mode, whose weights nothing here changes.

    name: what it was asked for by (catalogue name, Hub id or folder).
    tokenizer: None where the model was wrapped without one; what reads a text asks `demand_tokenizer`.
    plan: which attention call of the forward pass is which layer of which stack.
    note: "" or one sentence that must stand beside what is shown of this model.
    cache: how a model with latent attention keeps its past while it writes, unless a call says otherwise.
    removed: which heads of another model these are, where heads were removed; None where all are there.
    source_language, target_language: of a multilingual translator, as its tokenizer names them; "" leaves it to its settings.
    """

    name: str
    module: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase | None
    geometry: Geometry
    plan: Plan
    device: torch.device
    dtype: torch.dtype
    note: str = ""
    cache: CacheMode = "auto"
    removed: RemovedHeads | None = None
    source_language: str = ""
    target_language: str = ""


def demand_tokenizer(model: AttentionModel) -> PreTrainedTokenizerBase:
    """The model's tokenizer. Raises BadText where it was wrapped without one."""
    if model.tokenizer is None:
        raise BadText(f"{model.name} has no tokenizer, so it reads no text; give one to `wrap`.")
    return model.tokenizer


@contextmanager
def tokenizing(model: AttentionModel) -> Generator[PreTrainedTokenizerBase]:
    """The model's tokenizer, to be called: no other thread is at it inside, and its panics are told. Raises BadText."""
    tokenizer = demand_tokenizer(model)
    with panics_told(f"The tokenizer of “{model.name}”"), alone_with(tokenizer):
        yield tokenizer
