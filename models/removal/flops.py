"""How many operations heads take, by formula: what removing them could save at best, before anything is timed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from models.caches.modes import cache_mode
from models.model import AttentionModel
from models.removal.cost import RemovalCost
from models.removal.forms import attention_modules, form_of


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
    pairs = tokens**2 if encoder else tokens * (tokens + 1) // 2
    widths = model.geometry.d_head + model.geometry.v_head_dim
    return _flops(model, cost, tokens, pairs * widths, tokens if encoder else 1)


def writing_flops(model: AttentionModel, cost: RemovalCost, past: int) -> Flops | None:
    """Of one new token that sees `past` tokens, itself among them; None where latents of the whole past are expanded anew
    at each step, which is not heads' work alone. Raises UnsupportedModel."""
    shape = model.geometry
    widths = shape.d_head + shape.v_head_dim
    if shape.kv_lora_rank is not None:
        if cache_mode(model) != "absorbed":
            return None
        widths = 2 * shape.kv_lora_rank + (shape.qk_rope_head_dim or 0)
    return _flops(model, cost, 1, past * widths, 1)


def _flops(model: AttentionModel, cost: RemovalCost, tokens: int, per_head: int, logits: int) -> Flops:
    """per_head: multiplications of one head's scores and sums."""
    matrices, head = _multiplied(model.module)
    own = _of_heads(model)
    before = 2 * (matrices * tokens + head * logits + per_head * sum(cost.heads_before))
    gone = cost.parameters_before - cost.parameters_after
    removed = sum(cost.heads_before) - sum(cost.heads_after)
    after = before - 2 * (gone * tokens + per_head * removed)
    return Flops(before, after, 2 * (own * tokens + per_head * sum(cost.heads_before)))


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
