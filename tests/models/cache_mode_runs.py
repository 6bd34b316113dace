"""Runs of latent-attention models step by step under each cache mode, and transformers' own answer without any cache."""

from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import Tensor
from transformers import Cache, PreTrainedModel

from models.run.cache_modes import new_cache, prepare
from models.run.model import AttentionModel
from tests.models.latent_models import latent_engine, latent_stock
from tests.models.zoo import logits

MODES = ("expanded", "latent", "absorbed")
SPARSE = ("deepseek_v32", "glm_moe_dsa", "axk2", "hy_v4", "dots3_note_text", "mistral_large4", "glm5_next")
PROMPT, STEPS = 13, 64


@cache
def pair(name: str, sparse: bool = False) -> tuple[AttentionModel, PreTrainedModel]:
    """A class under the engine and under transformers' own eager attention, on equal weights.

    sparse: leave the index of a sparse attention (DSA) at its few keys; else it selects all. Many of its scores are
    exactly zero, and among equals transformers itself does not choose alike with and without a cache.
    """
    stock, module = deepcopy(latent_stock(name)), deepcopy(latent_engine(name).module)
    prepare(module)
    for part in [] if sparse else [*stock.modules(), *module.modules()]:
        if hasattr(part, "index_topk"):
            setattr(part, "index_topk", 1024)  # noqa: B010 - a module's attributes are not declared
    return replace(latent_engine(name), module=module), stock


def ids_of(model: AttentionModel, batch: int = 1, tokens: int = PROMPT) -> Tensor:
    return torch.randint(
        5, model.geometry.vocab, (batch, tokens), generator=torch.Generator().manual_seed(batch)
    )


@torch.inference_mode()
def feed(model: AttentionModel, cache: Cache | None, ids: Tensor, start: int, **extra: Any) -> Tensor:
    """Logits (or last hidden states) [batch, token, ...] of `ids`, whose first token stands at `start`."""
    places = torch.arange(start, start + ids.shape[1]).expand_as(ids)
    given = {"input_ids": ids, "position_ids": places} | extra
    return logits(model.module(**given, past_key_values=cache, use_cache=True))


def greedy(model: AttentionModel, mode: str, steps: int = STEPS) -> tuple[Tensor, Tensor, Cache]:
    """Token ids of the whole text [1, PROMPT + steps], numbers that each next token was chosen by, and the cache left."""
    ids, cache = ids_of(model), new_cache(model, mode)
    assert cache is not None
    seen = [feed(model, cache, ids, 0)[:, -1]]
    for _ in range(steps):
        # a bare decoder's state stands in for logits: any rule that depends on all of it will do
        token = seen[-1].argmax(-1, keepdim=True)
        ids = torch.cat([ids, token], dim=1)
        seen.append(feed(model, cache, token, ids.shape[1] - 1)[:, -1])
    return ids, torch.stack(seen, dim=1)[0], cache


@torch.inference_mode()
def stock_logits(stock: PreTrainedModel, ids: Tensor, **extra: Any) -> Tensor:
    return logits(stock(input_ids=ids, use_cache=False, **extra))
