"""What a capture shows of what a model caches: the latents of latent attention (MLA), and keys and values of other kinds."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float32
from torch import Tensor

from models.errors import BadSelection
from models.run.attention_call import AttentionCall
from models.run.latent_record import LatentRecord, cached_vectors
from models.run.records import LayerRecord
from models.shape.attention_geometry import Geometry

# Half of what `attention_scores` holds where a key is hidden: the two parts of a score add up to it there too.
HIDDEN = torch.finfo(torch.float32).min / 2


class ScoreParts(NamedTuple):
    """content: from the latents (q^C k^C); rotary: from the shared rotated key (q^R k^R); float32 [query, key], scaled.

    They add up to the score before the softmax, everywhere: where a key is hidden from a query each part is HIDDEN, half
    of the lowest float. Mistral's factors on queries are in both. Where a class does not rotate (Kimi-Linear), `rotary`
    is the part of the shared key all the same; where a layer has no shared key it is 0 for every visible key.
    Source: DeepSeek-V2 (arXiv 2405.04434), equations 17 and 18.
    """

    content: Float32[Tensor, "query key"]
    rotary: Float32[Tensor, "query key"]


class LatentViews:
    """The part of `Capture` that shows caches. Every view raises BadSelection where a model has no such thing."""

    geometry: Geometry
    model_name: str

    def _record(self, layer: int, stack: str | None, head: int | None = None) -> LayerRecord:
        raise NotImplementedError

    def _call(self, layer: int, stack: str | None, head: int | None = None) -> AttentionCall:
        raise NotImplementedError

    def has_latents(self, layer: int, stack: str | None = None) -> bool:
        """Whether this layer's heads read one latent per position (MLA), and the capture kept it."""
        return self._record(layer, stack).latent is not None

    def kv_latent(self, layer: int, stack: str | None = None) -> Float32[Tensor, "pos kv_lora_rank"]:
        """The latent that all heads' keys and values are built from, as the cache holds it, float32 [pos, kv_lora_rank].

        After its norm, and after the factor that LongCat-Flash and dots3 multiply it with; less what `latents_off` took.
        """
        return self._latent(layer, stack).kv.float().cpu()

    def k_rope(self, layer: int, stack: str | None = None) -> Float32[Tensor, "pos qk_rope_head_dim"]:
        """The key that all heads share, after rotary embedding, float32 [pos, qk_rope_head_dim] ([pos, 0] without one)."""
        return self._in_parts(layer, stack).k_rope(self._call(layer, stack)).float().cpu()

    def q_latent(self, layer: int, stack: str | None = None) -> Float32[Tensor, "pos q_lora_rank"] | None:
        """The latent that all heads' queries are built from, after its norm, float32 [pos, q_lora_rank]; None without one.

        It is not cached. dots3 multiplies it with a factor afterwards, which is not in it.
        """
        query = self._latent(layer, stack).query
        return None if query is None else query.float().cpu()

    def score_parts(self, layer: int, head: int, stack: str | None = None) -> ScoreParts:
        """A head's scores before the softmax, split into content and rotary part; see `ScoreParts`."""
        latent, call = self._in_parts(layer, stack, head), self._call(layer, stack, head)
        if call.position_bias is not None or call.softcap is not None:
            raise BadSelection(
                f"{self.model_name} does more to its scores than add a content and a rotary part; look at its whole scores."
            )
        content, rotary = latent.score_parts(call, head)
        hidden = ~call.visible()[0 if call.mask is None or call.mask.shape[0] == 1 else head]
        return ScoreParts(content.masked_fill(hidden, HIDDEN).cpu(), rotary.masked_fill(hidden, HIDDEN).cpu())

    def cached(self, layer: int, stack: str | None = None) -> Float32[Tensor, "pos elements"]:
        """What the cache holds of each position in this layer, float32 [pos, elements].

        MLA: the latent, then the shared rotated key if there is one. Other kinds: the keys of all key/value heads (after rotary
        embedding), then their values. `elements` is `models.shape.cache_size.cache_elements_per_token_and_layer`. Of every
        position of the text: a sliding window lets go of older ones. Of cross-attention: the source's. What a sparse
        attention caches for its index is not in it.
        """
        call = self._call(layer, stack)
        if (stack or "") == "encoder" or self.geometry.role == "encoder":
            raise BadSelection("An encoder reads its text at once and keeps no cache; choose a decoder.")
        return cached_vectors(call, self._latent_if_mla(layer, stack)).float().cpu()

    def _in_parts(self, layer: int, stack: str | None, head: int | None = None) -> LatentRecord:
        latent = self._latent(layer, stack, head)
        if latent.rope is None:
            raise BadSelection(
                f"{self.model_name} builds whole keys from its latents and rotates them afterwards, so they have no rotary "
                "part of their own; look at its whole scores."
            )
        return latent

    def _latent_if_mla(self, layer: int, stack: str | None) -> LatentRecord | None:
        """None for other kinds; refused where an MLA model's latents were not kept, so that nothing else is shown as them."""
        mla = self.geometry.kind == "mla"
        return self._latent(layer, stack) if mla else self._record(layer, stack).latent

    def _latent(self, layer: int, stack: str | None, head: int | None = None) -> LatentRecord:
        latent = self._record(layer, stack, head).latent
        if latent is not None:
            return latent
        if self.geometry.kind == "mla":
            raise BadSelection(
                f"Nothing was kept of the latents of {self.model_name} in layer {layer}; capture the text again."
            )
        raise BadSelection(
            f"{self.model_name} has no latents, only keys and values (see .cached); choose a model with latent attention (MLA)."
        )
