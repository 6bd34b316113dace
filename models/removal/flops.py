"""How many operations heads take, by formula: what removing them could save at best, before anything is timed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from models.removal.forecast import RemovalCost
from models.run.cache_modes import cache_mode
from models.run.head_matrices import attention_modules, form_of
from models.run.model import AttentionModel
from models.shape.attention_geometry import Geometry


@dataclass(frozen=True, slots=True)
class Flops:
    """Operations of one text's pass, a multiplication and an addition counted as two; a formula, nothing measured.

    before, after: of the model with all its heads, and without those that are removed. heads: what all heads of `before`
    take: their query, key, value and output matrices, scores and sums. Causal attention is counted over what a token may see.
    """

    before: int
    after: int
    heads: int

    @property
    def share(self) -> float:
        """Of all operations, those of heads."""
        return self.heads / self.before

    @property
    def left(self) -> float:
        """What the smaller model takes, as a share of what the whole one does."""
        return self.after / self.before


def reading_flops(model: AttentionModel, cost: RemovalCost, tokens: int) -> Flops:
    """Of reading `tokens` tokens at once, logits of a decoder's last position only. Raises UnsupportedModel."""
    encoder = model.geometry.role == "encoder"
    per_head = [_widths(one) * _pairs(tokens, one, encoder) for one in model.geometry.each_layer]
    return _flops(model, cost, tokens, per_head, tokens if encoder else 1)


def writing_flops(model: AttentionModel, cost: RemovalCost, past: int) -> Flops | None:
    """Of one new token that sees `past` tokens, itself among them; None where latents of the whole past are expanded anew
    at each step, which is not heads' work alone. Raises UnsupportedModel."""
    layers = model.geometry.each_layer
    if model.geometry.kv_lora_rank is not None and cache_mode(model) != "absorbed":
        return None
    return _flops(model, cost, 1, [_step_widths(one) * _seen(past, one) for one in layers], 1)


def _widths(one: Geometry) -> int:
    """Multiplications of a head for each pair of a query and a key."""
    return one.d_head + one.v_head_dim


def _step_widths(one: Geometry) -> int:
    """The same of a step, which reads latents where there are any."""
    return _widths(one) if one.kv_lora_rank is None else 2 * one.kv_lora_rank + (one.qk_rope_head_dim or 0)


def _seen(tokens: int, one: Geometry) -> int:
    """Keys that the last of so many tokens looks at."""
    return tokens if one.sliding_window is None else min(tokens, one.sliding_window)


def _pairs(tokens: int, one: Geometry, encoder: bool) -> int:
    """Of a query and a key that it may see."""
    if encoder:
        return tokens**2
    seen = _seen(tokens, one)
    return seen * (seen + 1) // 2 + (tokens - seen) * seen


def _flops(
    model: AttentionModel, cost: RemovalCost, tokens: int, per_head: Sequence[int], logits: int
) -> Flops:
    """per_head: multiplications of one head's scores and sums, in each layer."""
    matrices, head = _multiplied(model.module)
    own = _of_heads(model)
    mixing = _mixing(per_head, cost.heads_before)
    before = 2 * (matrices * tokens + head * logits + mixing)
    gone = cost.parameters_before - cost.parameters_after
    after = before - 2 * (gone * tokens + mixing - _mixing(per_head, cost.heads_after))
    return Flops(before, after, 2 * (own * tokens + mixing))


def _mixing(per_head: Sequence[int], heads: Sequence[int]) -> int:
    return sum(each * count for each, count in zip(per_head, heads, strict=True))


def _multiplied(module: Any) -> tuple[int, int]:
    """Numbers of all matrices that one token is multiplied with, and of the one that gives logits."""
    tables = {id(part.weight) for part in module.modules() if isinstance(part, nn.Embedding)}
    output = module.get_output_embeddings()
    head = None if output is None else output.weight
    tables.add(id(head))
    chosen = getattr(module.config, "num_experts_per_tok", None) or 0
    total = 0
    for weight in module.parameters():
        if weight.ndim == 3 and chosen:  # all experts of a layer, of which each token meets a few
            total += weight.numel() * chosen // weight.shape[0]
        elif weight.ndim > 1 and id(weight) not in tables:
            total += weight.numel()
    return total, 0 if head is None else head.numel()


def _of_heads(model: AttentionModel) -> int:
    """Numbers of the matrices in which heads stand."""
    form = form_of(model.module.config, model.name)
    total = 0
    for _, attention in attention_modules(model.module, form):
        owned = {name: weight for name, weight in attention.named_parameters() if weight.ndim > 1}
        paths = [f"{piece.path}.weight" for piece in form.parts]
        total += sum(owned[path].numel() for path in paths if path in owned)
    return total
