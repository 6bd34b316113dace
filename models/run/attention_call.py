"""One call of the attention function, kept as its inputs, and the one formula that turns them into weights.

A pattern costs tokens^2 numbers a head; queries and keys cost tokens * d_head. So the inputs are kept and a pattern is
replayed when somebody looks at it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import overload

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor


def attention_scores(
    query: Tensor,
    key: Tensor,
    *,
    scaling: float,
    causal: bool,
    mask: Tensor | None = None,
    position_bias: Tensor | None = None,
    softcap: float | None = None,
    first_row: int = 0,
) -> Tensor:
    """Attention scores before the softmax, float32 [..., head, query, key]; the lowest float where a key is hidden.

    query [..., head, query, d_head], key [..., kv_head, key, d_head] with kv_head dividing head (grouped queries);
    mask: bool (True: may look) or additive, broadcastable to the result; position_bias: additive (T5, arXiv 1910.10683);
    softcap: c * tanh(score / c) before the mask (Gemma 2, arXiv 2408.00118).
    causal: query row i sees keys up to first_row + i.
    """
    groups = query.shape[-3] // key.shape[-3]
    if groups > 1:
        key = key.repeat_interleave(groups, dim=-3)
    scores = torch.matmul(query.float() * scaling, key.float().transpose(-1, -2))
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    if position_bias is not None:
        scores = scores + position_bias.float()
    lowest = torch.finfo(torch.float32).min
    if mask is not None:
        return scores.masked_fill(~mask, lowest) if mask.dtype == torch.bool else scores + mask.float()
    return scores.masked_fill_(~_visible(scores, first_row), lowest) if causal else scores


def softmax_with_sinks(scores: Tensor, sinks: Tensor | None) -> Tensor:
    """Attention weights [..., head, query, key] from scores.

    sinks [..., head, 1 | query, 1]: a learned extra score per head that takes its share of the softmax and is then
    dropped, so that rows sum to less than one (gpt-oss).
    """
    if sinks is None:
        return torch.softmax(scores, dim=-1)
    scores = torch.cat([scores, sinks.float().expand(*scores.shape[:-1], 1)], dim=-1)
    return torch.softmax(scores, dim=-1)[..., :-1]


def _visible(logits: Tensor, first_row: int) -> Tensor:
    rows = torch.arange(first_row, first_row + logits.shape[-2], device=logits.device)
    return torch.arange(logits.shape[-1], device=logits.device) <= rows[:, None]


@dataclass(frozen=True, slots=True)
class AttentionCall:
    """The inputs of one attention call for one text, by reference.

    query [head, query, d_head], key [kv_head, key, d_head], value [kv_head, key, d_value], after rotary embedding.
    mask: bool or additive [1 | head, 1 | query, key]; position_bias [1 | head, 1 | query, key]; sinks [head, 1 | query, 1].
    kv_heads_of: for each head the key/value head that it reads, where they are not shared evenly (after heads of some
    groups were removed); None where every key/value head is read by equally many, one group after the other.
    """

    query: Float[Tensor, "*batch head query d_head"]
    key: Float[Tensor, "*batch kv_head key d_head"]
    value: Float[Tensor, "*batch kv_head key d_value"]
    scaling: float
    causal: bool
    mask: Bool[Tensor, "*#batch #head #query key"] | Float[Tensor, "*#batch #head #query key"] | None = None
    position_bias: Float[Tensor, "*#batch #head query key"] | None = None
    softcap: float | None = None
    sinks: Float[Tensor, "*#batch head #query 1"] | None = None
    kv_heads_of: tuple[int, ...] | None = None

    @property
    def heads(self) -> int:
        """How many there are."""
        return self.query.shape[0]

    @property
    def queries(self) -> int:
        """How many positions look."""
        return self.query.shape[1]

    @property
    def keys(self) -> int:
        """How many positions are looked at."""
        return self.key.shape[1]

    def kv_head(self, head: int) -> int:
        """The key/value head that a head reads."""
        if self.kv_heads_of is not None:
            return self.kv_heads_of[head]
        return head // (self.heads // self.key.shape[0])

    def per_head(self, tensor: Shaped[Tensor, "kv_head ..."]) -> Shaped[Tensor, "head ..."]:
        """What each head reads of a tensor [kv_head, ...]: [head, ...]."""
        return tensor[[self.kv_head(head) for head in range(self.heads)]]

    def scores(self, head: int | None = None, rows: slice = slice(None)) -> Float[Tensor, "*head query key"]:
        """Scores before the softmax, float32: [query, key] for one head, [head, query, key] for all."""
        heads = slice(None) if head is None else slice(head, head + 1)
        scores = self._scores(heads, rows)
        return scores if head is None else scores[0]

    def weights(self, head: int | None = None, rows: slice = slice(None)) -> Float[Tensor, "*head query key"]:
        """Attention weights, float32: [query, key] for one head, [head, query, key] for all; `rows` selects queries."""
        heads = slice(None) if head is None else slice(head, head + 1)
        weights = softmax_with_sinks(self._scores(heads, rows), _select(self.sinks, heads, rows))
        return weights if head is None else weights[0]

    def _scores(self, heads: slice, rows: slice) -> Tensor:
        if heads.start is not None:
            key = self.key[self.kv_head(heads.start)][None]
        else:
            key = self.key if self.kv_heads_of is None else self.per_head(self.key)
        return attention_scores(
            self.query[heads, rows],
            key,
            scaling=self.scaling,
            causal=self.causal,
            mask=_select(self.mask, heads, rows),
            position_bias=_select(self.position_bias, heads, rows),
            softcap=self.softcap,
            first_row=rows.start or 0,
        )

    def visible(self, rows: slice = slice(None)) -> Bool[Tensor, "_ query key"]:
        """Which keys each query may look at: bool [1 | head, query, key]."""
        count = len(range(*rows.indices(self.queries)))
        if self.mask is None:
            blank = torch.ones(1, count, self.keys, dtype=torch.bool, device=self.query.device)
            return blank & _visible(blank, rows.start or 0) if self.causal else blank
        mask = _select(self.mask, slice(None), rows)
        if mask.dtype != torch.bool:
            mask = mask > torch.finfo(mask.dtype).min / 2
        return mask.expand(mask.shape[0], count, self.keys)

    def upto(self, last_row: int) -> AttentionCall:
        """The same call without the keys that no query before `last_row` may see, which would only be zeros."""
        if not self.causal:
            return self
        bias = self.position_bias
        return replace(
            self,
            key=self.key[:, :last_row],
            value=self.value[:, :last_row],
            position_bias=None if bias is None else bias[..., :last_row],
        )


@overload
def _select(tensor: Tensor, heads: slice, rows: slice) -> Tensor: ...
@overload
def _select(tensor: Tensor | None, heads: slice, rows: slice) -> Tensor | None: ...
def _select(tensor: Tensor | None, heads: slice, rows: slice) -> Tensor | None:
    """Slice [1 | head, 1 | query, ...], leaving broadcast axes alone."""
    if tensor is None:
        return None
    tensor = tensor if tensor.shape[0] == 1 else tensor[heads]
    return tensor if tensor.shape[1] == 1 else tensor[:, rows]
