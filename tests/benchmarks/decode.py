"""One decode step of latent attention under each cache mode, beside multi-head attention of equal width.

Absorbed / other, so below 1 absorbed is the quicker; the targets are the reciprocals of how many times it shall be.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DeepseekV3Config, LlamaConfig, PreTrainedConfig, PreTrainedModel
from transformers.cache_utils import Cache, DynamicCache
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3ForCausalLM
from transformers.models.llama.modeling_llama import LlamaForCausalLM

from models import AttentionModel, wrap
from models.cache_modes import cache_bytes, new_cache
from models.cache_size import cache_bytes_by_formula
from models.quiet import quiet
from tests.benchmarks.measuring import Timings, in_turn, ratio
from tests.benchmarks.report import Line, from_ratio

MODES = ("expanded", "latent", "absorbed")
STEPS = 8  # tokens a round and mode, each one token longer than the one before
# At 16 heads, by tokens of context: how many times quicker than latent, and than expanded.
TARGETS: Mapping[int, tuple[float, float]] = {512: (1.5, 1.1), 2048: (3.0, 1.4), 8192: (6.0, 1.9)}


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the two models; keys of the latent one are d_model / heads wide before their rotary part."""

    width: int = 512
    layers: int = 6
    rank: int = 128
    rope: int = 32
    vocabulary: int = 4096
    heads: tuple[int, ...] = (16, 8)
    contexts: tuple[int, ...] = (512, 2048, 8192)


FULL = Shape()
QUICK = Shape(width=48, layers=2, rank=16, rope=8, vocabulary=131, heads=(4,), contexts=(24, 40))


def decode(shape: Shape, rounds: int) -> Iterator[Line]:
    for heads in shape.heads:
        latent, plain = latent_model(shape, heads), plain_model(shape, heads)
        for context in shape.contexts:
            yield from _measured(latent, plain, shape, heads, context, rounds)


def _measured(
    latent: AttentionModel, plain: AttentionModel, shape: Shape, heads: int, context: int, rounds: int
) -> Iterator[Line]:
    caches = {mode: filled(latent, mode, context) for mode in MODES} | {"mha": filled(plain, None, context)}
    where = f"{heads} heads, {context} tokens of context"
    for mode in MODES:
        yield _bytes(latent, mode, caches[mode], where)
    taken = in_turn(
        {name: _steps(plain if name == "mha" else latent, caches[name]) for name in caches}, rounds
    )
    faster = TARGETS.get(context) if heads == 16 else None
    targets = {
        "latent": 1 / faster[0] if faster else None,
        "expanded": 1 / faster[1] if faster else None,
        "mha": 1.0 if faster and context == max(TARGETS) else None,
    }
    for name, target in targets.items():
        measured = ratio(taken["absorbed"], taken[name])
        note = f"{1 / measured.median:.3g} times as quick" + (
            "; " + _milliseconds(taken) if name == "latent" else ""
        )
        label = "multi-head attention of equal width" if name == "mha" else name
        yield from_ratio(f"absorbed / {label}, a decode step, {where}", measured, at_most=target, note=note)


def latent_model(shape: Shape, heads: int) -> AttentionModel:
    """A dense DeepSeek-V3 with random weights."""
    config = DeepseekV3Config(
        **_common(shape, heads),
        first_k_dense_replace=shape.layers,
        kv_lora_rank=shape.rank,
        q_lora_rank=None,
        qk_rope_head_dim=shape.rope,
        qk_nope_head_dim=shape.width // heads,
        v_head_dim=shape.width // heads,
    )
    return _random(DeepseekV3ForCausalLM, config)


def plain_model(shape: Shape, heads: int) -> AttentionModel:
    """A Llama with as many key/value heads as heads, random weights."""
    return _random(LlamaForCausalLM, LlamaConfig(**_common(shape, heads)))


def _common(shape: Shape, heads: int) -> dict[str, Any]:
    return {
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.width,
        "intermediate_size": 2 * shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "max_position_embeddings": 2 * max(shape.contexts) + 1024,
    }


def _random(model_class: type[PreTrainedModel], config: PreTrainedConfig) -> AttentionModel:
    torch.manual_seed(0)
    with quiet():
        return wrap(model_class(config).requires_grad_(False))


@torch.inference_mode()
def filled(model: AttentionModel, mode: str | None, context: int) -> Cache:
    """A cache that has read `context` random tokens, in chunks: a whole 8k prompt's masks are large."""
    cache = new_cache(model, mode) or DynamicCache(config=model.module.config)
    ids = torch.randint(model.geometry.vocab, (1, context), generator=torch.Generator().manual_seed(0))
    for chunk in ids.split(512, dim=1):
        model.module(input_ids=chunk, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return cache


def _steps(model: AttentionModel, cache: Cache) -> Callable[[], Tensor]:
    token = torch.tensor([[7]])

    @torch.inference_mode()
    def run() -> Tensor:
        for _ in range(STEPS):
            logits = model.module(input_ids=token, past_key_values=cache, use_cache=True).logits
        cache.crop(-STEPS)
        return logits

    return run


def _bytes(model: AttentionModel, mode: str, cache: Cache, where: str) -> Line:
    tokens = cache.get_seq_length()
    held, predicted = cache_bytes(cache), cache_bytes_by_formula(model.geometry, mode, tokens)  # pyright: ignore[reportArgumentType]
    return Line(
        f"bytes of the live cache a token, {mode}, {where}",
        held.used / tokens,
        unit="B",
        at_most=predicted / tokens,
        predicted=predicted / tokens,
        formula="layers 4 heads (d_head + v_head_dim)" if mode == "expanded" else "layers 4 (rank + rotary)",
        note=f"{held.spare / 1e6:.3g} MB preallocated behind" if held.spare else "",
    )


def _milliseconds(taken: Timings) -> str:
    best = {name: 1000 * min(seconds) / STEPS for name, seconds in taken.items()}
    return "quickest step, ms: " + ", ".join(f"{name} {value:.3g}" for name, value in best.items())
