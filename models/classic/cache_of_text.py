"""What a decoder's live cache keeps of one text, counted in its tensors, beside the formula."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from models.classic.nominal_latent import NominalLatentAttention, NominalLatentConfig
from models.run.cache_modes import cache_bytes, new_cache
from models.run.default_dtype import default_dtype_kept
from models.run.inputs import encode
from models.run.model import AttentionModel
from models.shape.attention_geometry import Geometry
from models.shape.cache_size import cache_bytes_by_formula, cache_elements_per_token_and_layer


@dataclass(frozen=True, slots=True)
class CacheOfText:
    """Of all layers together.

    counted: bytes of the live cache's tensors; formula: what they should be. itemsize: bytes a number.
    """

    shape: Geometry
    tokens: int
    itemsize: int
    counted: int
    formula: int

    @property
    def per_token_and_layer(self) -> float:
        """Numbers that a layer keeps of each token, counted."""
        return self.counted / (self.tokens * self.shape.layers * self.itemsize)


@torch.inference_mode()
def cache_of_text(model: AttentionModel, text: str) -> CacheOfText:
    """A decoder reads a text, latent attention with its latents kept. Raises BadText."""
    encoded = encode(model, text)
    with default_dtype_kept():
        module: Any = model.module
        output: Any = module(**encoded.inputs, use_cache=True, past_key_values=new_cache(model))
    tokens = len(encoded.ids["text"])
    formula = cache_bytes_by_formula(model.geometry, "auto", tokens, model.dtype)
    counted = cache_bytes(output.past_key_values).used
    return CacheOfText(model.geometry, tokens, model.dtype.itemsize, counted, formula)


@torch.inference_mode()
def cache_in_name_only(config: NominalLatentConfig, tokens: int) -> CacheOfText:
    """What the module that is latent in name only keeps of so many tokens, on random states: one layer of it."""
    chance = torch.Generator().manual_seed(0)
    states = torch.randn(1, tokens, config.d_model, generator=chance, dtype=torch.float32)
    kept: tuple[Tensor, Tensor] = NominalLatentAttention(config).float().cached(states)
    size = states.element_size()
    formula = size * tokens * cache_elements_per_token_and_layer(config.geometry)
    return CacheOfText(config.geometry, tokens, size, sum(part.nbytes for part in kept), formula)
