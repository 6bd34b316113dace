"""What transformers' own eager attention returns, and which of it are patterns at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from models.run.attention_call import AttentionCall
from models.run.forward_pass import forward_pass

# A wrong formula is off by 0.1 to 1; extreme but right scores (T5 does not scale them) by 1e-4.
FLOAT32_TOLERANCE, HALF_TOLERANCE, HALF_MOVED = 1e-3, 3e-2, 0.3
EAGER_FIELDS = {
    "decoder": ("decoder_attentions", "attentions"),
    "encoder": ("encoder_attentions", "attentions"),
    "cross": ("cross_attentions",),
}


def eager_output(module: PreTrainedModel, inputs: dict[str, Tensor]) -> Any:
    """A pass with transformers' eager attention; the model is left as it was."""
    switched: Any = module
    engine = str(switched.config._attn_implementation)
    switched.set_attn_implementation("eager")
    try:
        return forward_pass(module, inputs, output_attentions=True)
    finally:
        switched.set_attn_implementation(engine)


def eager_patterns(output: Any, stack: str) -> tuple[Tensor, ...]:
    """transformers' own patterns of one stack, [batch, head, query, key] a layer; layers without attention left out."""
    for name in EAGER_FIELDS[stack]:
        found = getattr(output, name, None) or ()
        patterns = tuple(item for item in found if isinstance(item, Tensor) and _is_pattern(item))
        if patterns:
            return patterns
    return ()


def _is_pattern(tensor: Tensor) -> bool:
    """Whether it can be attention at all: linear attention returns its state in the same place (MiniMax, RWKV), and
    banded attention its bands (LED)."""
    if tensor.ndim != 4 or not bool(torch.isfinite(tensor).all()):
        return False
    sums = tensor.float().sum(dim=-1)
    return bool(tensor.min() >= 0) and bool(sums.max() < 1.02)


def finished_patterns(output: Any, stack: str, inputs: dict[str, Tensor]) -> tuple[Tensor, ...]:
    """A stack's own patterns if every one is [query, key] over the whole text; otherwise nothing of that stack."""
    text, target = inputs["input_ids"].shape[1], inputs.get("decoder_input_ids", inputs["input_ids"]).shape[1]
    size = {"encoder": (text, text), "decoder": (target, target), "cross": (target, text)}[stack]
    patterns = eager_patterns(output, stack)
    whole = all(pattern.shape[-2:] == size and _sums_to_one(pattern) for pattern in patterns)
    return patterns if whole else ()


def _sums_to_one(pattern: Tensor) -> bool:
    return bool(((pattern.float().sum(dim=-1) - 1).abs() < 2e-2).all())


def single_stack(output: Any) -> str:
    """Whether a model of one stack looks both ways ("encoder") or only back ("decoder")."""
    patterns = eager_patterns(output, "decoder")
    if not patterns:
        return "decoder"
    return "encoder" if bool((torch.triu(patterns[0][0, 0], diagonal=1) > 1e-6).any()) else "decoder"


def agree(pairs: list[tuple[Tensor, Tensor]], dtype: torch.dtype, has_own_input: bool) -> bool:
    """Whether patterns agree as well as the number type lets them.

    In half precision two right passes drift apart from layer to layer, and one flipped expert moves a whole row. A
    first layer has no drift yet and must agree closely; in later ones less than 30% of the attention may have moved.
    """
    if dtype == torch.float32:
        return all(bool(((ours - theirs).abs() <= FLOAT32_TOLERANCE).all()) for ours, theirs in pairs)
    if has_own_input and not bool(((pairs[0][0] - pairs[0][1]).abs() <= HALF_TOLERANCE).all()):
        return False
    return all(bool((ours - theirs).abs().sum(-1).mean() / 2 <= HALF_MOVED) for ours, theirs in pairs)


def as_reported(call: AttentionCall, eager: Tensor) -> Tensor:
    """A call's weights, float32 [head, query, key], with or without the sink's share, as eager attention gives them."""
    if call.sinks is not None and bool(eager.float().sum(dim=-1).min() > 0.97):
        call = replace(call, sinks=None)  # Granite SWA reports its weights before the sink takes its share
    return call.weights()
