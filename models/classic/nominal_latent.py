"""Latent in name only: a module that circulates in articles as multi-head latent attention, and what it really is.

It projects queries, keys and values at full width, d_model to d_model each, splits them into heads and attends. There is no
latent in it: nothing narrower than keys and values is ever made, so nothing narrower can be cached. It is the multi-head
attention of Vaswani et al. 2017 (arXiv 1706.03762) to the last bit, and with one head the single-head attention of its section
3.2.1. What multi-head latent attention caches instead: DeepSeek-V2 (arXiv 2405.04434), section 2.1.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from models.shape.attention_geometry import Geometry


@dataclass(frozen=True, slots=True)
class NominalLatentConfig:
    """d_model: width of the model, and of all heads together. heads: 1 for single-head attention."""

    d_model: int
    heads: int

    def __post_init__(self) -> None:
        if self.heads < 1 or self.d_model % self.heads:
            raise ValueError(
                f"d_model should be a multiple of heads, but {self.d_model} and {self.heads} came"
            )

    @property
    def geometry(self) -> Geometry:
        """One layer of it. No kv_lora_rank can be given: the module has no width for one."""
        d_head = self.d_model // self.heads
        return Geometry(
            layers=1,
            heads=self.heads,
            kv_heads=self.heads,
            d_head=d_head,
            d_model=self.d_model,
            kind="mha",
            context=None,
            vocab=0,
            role="decoder",
            v_head_dim=d_head,
        )


class NominalLatentAttention(nn.Module):
    """softmax(q k^T / sqrt(d_head)) v in every head, then an output projection: multi-head attention."""

    def __init__(self, config: NominalLatentConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.q_proj = nn.Linear(config.d_model, config.d_model)
        self.k_proj = nn.Linear(config.d_model, config.d_model)
        self.v_proj = nn.Linear(config.d_model, config.d_model)
        self.o_proj = nn.Linear(config.d_model, config.d_model)

    def forward(
        self, states: Float[Tensor, "batch pos d_model"], is_causal: bool = False
    ) -> Float[Tensor, "batch pos d_model"]:
        """is_causal: whether a position sees itself and those before it alone."""
        query, key, value = map(self._split, (self.q_proj(states), self.k_proj(states), self.v_proj(states)))
        output = scaled_dot_product_attention(query, key, value, is_causal=is_causal)
        return self.o_proj(output.transpose(1, 2).flatten(-2))

    def cached(
        self, states: Float[Tensor, "batch pos d_model"]
    ) -> tuple[Float[Tensor, "batch head pos d_head"], Float[Tensor, "batch head pos d_head"]]:
        """What has to be kept of these positions while later ones are written: their keys and values, all of both."""
        return self._split(self.k_proj(states)), self._split(self.v_proj(states))

    def _split(self, states: Tensor) -> Tensor:
        """[batch, pos, d_model] to [batch, head, pos, d_head]."""
        return states.unflatten(-1, (self.heads, -1)).transpose(1, 2)
