"""What is kept of one layer's latent attention (MLA): the vector per position that its cache holds, and its scores in parts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float32
from torch import Tensor

from models.run.attention_call import AttentionCall


@dataclass(frozen=True, slots=True)
class LatentRecord:
    """The latents of one layer for one text, by reference.

    kv [pos, kv_lora_rank]: c^KV of DeepSeek-V2 (arXiv 2405.04434, equation 9) as the cache holds it, after its norm and
    any factor that follows; query [pos, q_lora_rank]: c^Q after its norm, None where queries are not compressed.
    rope: qk_rope_head_dim of this layer. The rotated key k^R is shared by all heads and stands in the last `rope`
    places of each head's recorded key, so it is not kept twice. None where a whole key is built from the latent and then
    rotated, as in a model converted from other attention: its scores have no parts.
    """

    kv: Float[Tensor, "pos kv_lora_rank"]
    query: Float[Tensor, "pos q_lora_rank"] | None
    rope: int | None

    def k_rope(self, call: AttentionCall) -> Float[Tensor, "pos qk_rope_head_dim"]:
        """[pos, qk_rope_head_dim], after rotary embedding; [pos, 0] where there is none."""
        return _split(call.key[0], self.rope or 0)[1]

    def content_key(self, call: AttentionCall) -> Float[Tensor, "kv_head pos qk_nope_head_dim"]:
        """What each head's key holds of the latent, W_UK c [kv_head, pos, qk_nope_head_dim]; rotated where rope is None."""
        return _split(call.key, self.rope or 0)[0]

    def score_parts(
        self, call: AttentionCall, head: int
    ) -> tuple[Float32[Tensor, "query key"], Float32[Tensor, "query key"]]:
        """Scaled products of the head's content halves and of its rotary halves, float32 [query, key], no key hidden."""
        assert self.rope is not None, "the views refuse this in a sentence"
        query = _split(call.query[head].float() * call.scaling, self.rope)
        key = _split(call.key[call.kv_head(head)].float(), self.rope)
        return torch.matmul(query[0], key[0].T), torch.matmul(query[1], key[1].T)


def cached_vectors(call: AttentionCall, latent: LatentRecord | None) -> Tensor:
    """What a cache holds of each position [pos, elements], in the order that it is read: see `LatentViews.cached`."""
    if latent is not None:
        return torch.cat([latent.kv, latent.k_rope(call).to(latent.kv)], dim=-1)
    return torch.cat([part.transpose(0, 1).flatten(1) for part in (call.key, call.value)], dim=-1)


def _split(vectors: Tensor, rope: int) -> tuple[Tensor, Tensor]:
    content = vectors.shape[-1] - rope
    return vectors[..., :content], vectors[..., content:]
