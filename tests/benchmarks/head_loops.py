"""Leave-one-out importance the plain way: a full pass for every head with a hook that puts zeros in its output's place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import GPT2LMHeadModel

Loop = Callable[[Tensor, str], Tensor]  # ids [1, pos], metric -> [layer, head]


def loops(source: str, tokenizer: Any) -> dict[str, Loop]:
    """Of a GPT-2's weights in transformers alone, and in TransformerLens where it is installed (`make bench` installs it)."""
    lens = _transformer_lens(source, tokenizer)
    return {"loop": _transformers(source)} | ({} if lens is None else {"TransformerLens": lens})


def _transformers(source: str) -> Loop:
    plain = cast(Any, GPT2LMHeadModel).from_pretrained(source, attn_implementation="sdpa").eval()
    width = plain.config.n_embd // plain.config.n_head

    def without(ids: Tensor, layer: int, head: int) -> Tensor:
        def zero(_: nn.Module, args: tuple) -> tuple:
            joined = args[0].clone()
            joined[..., head * width : (head + 1) * width] = 0
            return (joined,)

        hook = plain.transformer.h[layer].attn.c_proj.register_forward_pre_hook(zero)
        logits = plain(ids, use_cache=False).logits[0]
        hook.remove()
        return logits

    return _loop(plain.config, lambda ids: plain(ids, use_cache=False).logits[0], without)


def _transformer_lens(source: str, tokenizer: Any) -> Loop | None:
    try:
        from transformer_lens.model_bridge import (  # pyright: ignore[reportMissingImports]
            TransformerBridge,
        )
    except ImportError:
        return None
    plain = cast(Any, GPT2LMHeadModel).from_pretrained(source, attn_implementation="eager").eval()
    bridge = TransformerBridge.boot_transformers(source, hf_model=plain, tokenizer=tokenizer, device="cpu")

    def without(ids: Tensor, layer: int, head: int) -> Tensor:
        def zero(value: Tensor, hook: object) -> Tensor:  # [batch, pos, head, d_head]
            value[:, :, head] = 0
            return value

        return bridge.run_with_hooks(ids, fwd_hooks=[(f"blocks.{layer}.attn.hook_z", zero)])[0]

    return _loop(plain.config, lambda ids: bridge(ids)[0], without)


def _loop(
    config: Any, run: Callable[[Tensor], Tensor], without: Callable[[Tensor, int, int], Tensor]
) -> Loop:
    @torch.inference_mode()
    def loop(ids: Tensor, metric: str) -> Tensor:
        full = run(ids)
        found = torch.zeros(config.n_layer, config.n_head)
        for layer in range(config.n_layer):
            for head in range(config.n_head):
                found[layer, head] = missed(full, without(ids, layer, head), ids[0], metric)
        return found

    return loop


def missed(full: Tensor, without: Tensor, ids: Tensor, metric: str) -> Tensor:
    """By what the importance of a head is measured, from logits [pos, vocab]."""
    if metric == "loss":
        return functional.cross_entropy(without[:-1], ids[1:]) - functional.cross_entropy(full[:-1], ids[1:])
    before, after = full[-1].log_softmax(-1), without[-1].log_softmax(-1)
    return (before.exp() * (before - after)).sum()
