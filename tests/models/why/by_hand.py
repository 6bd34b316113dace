"""What each part of a model wrote, worked out apart from the engine: hooks on transformers' own modules, by their names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel


@dataclass(frozen=True)
class Names:
    """Where a class keeps its parts; `post`: norms behind attention and MLP; `plus`: what is added to a norm's weight."""

    blocks: str = "model.layers"
    projection: str = "self_attn.o_proj"
    mlp: str = "mlp"
    post: tuple[str, str] | None = None
    final: str = "model.norm"
    head: str = "lm_head"
    centred: bool = False
    plus: float = 0.0
    factor: str = ""  # of the config: multiplied with what a sublayer writes
    logits: tuple[str, int] | None = None  # of the config: multiplied with logits to that power


GEMMA_NORMS = ("post_attention_layernorm", "post_feedforward_layernorm")
CLASSES: dict[str, Names] = {
    "gpt2": Names("transformer.h", "attn.c_proj", final="transformer.ln_f", centred=True),
    "llama gqa": Names(),
    "llama mqa": Names(),
    "qwen2": Names(),
    "qwen3": Names(),
    "mixtral": Names(),
    "starcoder2": Names(centred=True),
    "gemma2": Names(post=GEMMA_NORMS, plus=1.0),
    "gemma3_text": Names(post=GEMMA_NORMS, plus=1.0),
    "olmo2": Names(post=GEMMA_NORMS),
    "gpt_neox": Names(
        "gpt_neox.layers",
        "attention.dense",
        final="gpt_neox.final_layer_norm",
        centred=True,
    ),
    "phi": Names(projection="self_attn.dense", final="model.final_layernorm", centred=True),
    "cohere": Names(centred=True, logits=("logit_scale", 1)),
    "granite": Names(factor="residual_multiplier", logits=("logits_scaling", -1)),
    "deepseek_v2": Names(),
    "deepseek_v3": Names(),
    "deepseek_v3 whole queries": Names(),
    "glm4_moe_lite": Names(),
}


@dataclass
class ByHand:
    """At one position, along one token's row of the head: heads [layer, head], mlps [layer], embedding, biases, logit."""

    heads: Tensor
    mlps: Tensor
    embedding: float
    biases: float
    logit: float
    hidden: tuple[Tensor, ...]


@torch.no_grad()
def by_hand(
    module: PreTrainedModel,
    names: Names,
    ids: Tensor,
    heads: int,
    token: int,
    place: int,
    less: int | None = None,
) -> ByHand:
    blocks = list(module.get_submodule(names.blocks).children())
    post = names.post or (None, None)
    seen: dict[str, Tensor] = {}
    hooks = [
        hook
        for number, block in enumerate(blocks)
        for hook in (
            _keep(block.get_submodule(names.projection), seen, f"{number} heads", given=True),
            _keep(block.get_submodule(names.projection), seen, f"{number} projected"),
            _keep(block.get_submodule(names.mlp), seen, f"{number} mlp"),
            _keep(block, seen, f"{number} block", given=True),
        )
    ]
    hooks += [_keep(module.get_submodule(names.final), seen, "end", given=True)]
    raw = [_keep(module.get_submodule(names.head), seen, "raw")]
    try:
        output = nn.Module.__call__(module, input_ids=ids, use_cache=False, output_hidden_states=True)
    finally:
        for hook in hooks + raw:
            hook.remove()
    config = module.config
    scale = 1.0 if names.logits is None else getattr(config, names.logits[0]) ** names.logits[1]
    factor = getattr(config, names.factor) if names.factor else 1.0
    head: Any = module.get_submodule(names.head)
    row = head.weight[token] - (0 if less is None else head.weight[less])
    bias = 0.0 if head.bias is None else (head.bias[token] - (0 if less is None else head.bias[less])).item()
    raw_row = seen["raw"][place]
    logit = raw_row[token] - (0 if less is None else raw_row[less])

    def norm(part: Any, of: Tensor, vectors: Tensor) -> Tensor:
        """What a norm, with its statistics from `of`, makes of vectors, without its bias."""
        eps = next(getattr(part, name) for name in ("eps", "variance_epsilon") if hasattr(part, name))
        weight = part.weight.float() + names.plus
        if names.centred:
            return (vectors - vectors.mean(-1, keepdim=True)) / (of.var(unbiased=False) + eps).sqrt() * weight
        return vectors / (of.square().mean() + eps).sqrt() * weight

    def said(vectors: Tensor) -> Tensor:
        return norm(module.get_submodule(names.final), seen["end"][place], vectors) @ row * scale

    found_heads, found_mlps, biases = [], [], 0.0
    for number, block in enumerate(blocks):
        part: Any = block.get_submodule(names.projection)
        matrix = part.weight.T if isinstance(part, nn.Linear) else part.weight
        outputs = seen[f"{number} heads"][place]
        width = len(outputs) // heads
        for one in range(heads):
            own = slice(one * width, (one + 1) * width)
            written = outputs[own] @ matrix[own]
            if post[0]:
                written = norm(block.get_submodule(post[0]), seen[f"{number} projected"][place], written)
            found_heads.append(said(written * factor))
        if part.bias is not None:
            biases += said(part.bias).item()
        mlp = seen[f"{number} mlp"][place]
        found_mlps.append(said((norm(block.get_submodule(post[1]), mlp, mlp) if post[1] else mlp) * factor))
    final: Any = module.get_submodule(names.final)
    if getattr(final, "bias", None) is not None:
        biases += (final.bias @ row).item() * scale
    return ByHand(
        heads=torch.stack(found_heads).view(len(blocks), heads),
        mlps=torch.stack(found_mlps),
        embedding=said(seen["0 block"][place]).item(),
        biases=biases + bias * scale,
        logit=logit.item() * scale,
        hidden=tuple(output.hidden_states),
    )


def _keep(part: nn.Module, seen: dict[str, Tensor], name: str, given: bool = False) -> Any:
    def hook(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        kept = (args[0] if args else kwargs["hidden_states"]) if given else output
        kept = kept[0] if isinstance(kept, tuple) else kept
        seen[name] = kept.reshape(-1, kept.shape[-1])

    return part.register_forward_hook(hook, with_kwargs=True)
