"""The formulas: numbers kept per token, operations of a prompt and of a step, bytes that must be moved.

Cache: DeepSeek-V2 (arXiv 2405.04434), Table 1. Operations: two for every weight that a token is multiplied with, and two for
every number of a key and of a value that a head looks at.
"""

from __future__ import annotations

from dataclasses import dataclass

from models.costs.model_anatomy import Anatomy, Layers
from models.shape.cache_size import CacheMode


@dataclass(frozen=True, slots=True)
class Case:
    """What is worked out: a model, tokens of each of so many texts, bytes a number, and how latents are kept."""

    model: Anatomy
    tokens: int
    batch: int
    size: int
    mode: CacheMode
    source_tokens: int


def kept_per_token(layers: Layers, mode: CacheMode) -> int:
    """Numbers that one of these layers keeps of a token; one where all heads were removed, by which the length is told."""
    shape = layers.shape
    if not layers.caches:
        return 0
    if not shape.heads:
        return 1
    if shape.kind == "mla" and mode != "expanded":
        return (shape.kv_lora_rank or 0) + (shape.qk_rope_head_dim or 0)
    return shape.kv_heads * (shape.d_head + shape.v_head_dim)


def cache_bytes_of(case: Case, layers: Layers) -> int:
    """Bytes that these layers keep of all tokens of all texts."""
    kept = layers.count * kept_per_token(layers, case.mode) * layers.kept(case.tokens)
    return case.batch * case.size * kept


def cross_bytes(case: Case) -> int:
    """Bytes that a decoder keeps of the text that it answers to: keys and values of every source token, in every layer."""
    if case.model.shape.role != "encoder-decoder":
        return 0
    each = sum(
        group.count * group.shape.kv_heads * (group.shape.d_head + group.shape.v_head_dim)
        for group in case.model.layers
    )
    return case.batch * case.size * each * case.source_tokens


def pairs(layers: Layers, tokens: int) -> int:
    """Query and key pairs of a causal prompt: 1 + 2 + ... + tokens, no query with more keys than its window."""
    window = layers.seen(tokens)
    return window * (window + 1) // 2 + (tokens - window) * window


def prompt_attention_flops(layers: Layers, tokens: int) -> int:
    """Operations of one text's scores and sums in all of these layers."""
    if not layers.attends:
        return 0
    shape = layers.shape
    return 2 * layers.count * shape.heads * (shape.d_head + shape.v_head_dim) * pairs(layers, tokens)


def step_attention_flops(layers: Layers, tokens: int, mode: CacheMode) -> int:
    """The same of one step, whose token is the last of `tokens`.

    Absorbed, every head reads latents: their width for the score with the rotary key's, and again for the sum. In the
    mode "latent" the whole past is expanded first, what the step's own token costs being among its weights.
    """
    if not layers.attends:
        return 0
    shape, seen = layers.shape, layers.seen(tokens)
    rank, rope = shape.kv_lora_rank or 0, shape.qk_rope_head_dim or 0
    if shape.kind == "mla" and mode in ("auto", "absorbed"):
        return 2 * layers.count * shape.heads * (2 * rank + rope) * seen
    plain = 2 * layers.count * shape.heads * (shape.d_head + shape.v_head_dim) * seen
    if shape.kind == "mla" and mode == "latent":
        plain += 2 * layers.count * rank * _expanded(layers) * (seen - 1)
    return plain


def again_bytes(case: Case, layers: Layers) -> int:
    """Bytes of keys and values that the mode "latent" expands at each step: written, and read."""
    if case.mode != "latent" or layers.shape.kind != "mla":
        return 0
    shape = layers.shape
    wide = shape.heads * (shape.d_head + shape.v_head_dim)
    return 2 * case.batch * case.size * layers.count * wide * layers.seen(case.tokens)


def _expanded(layers: Layers) -> int:
    """Numbers that one latent expands to."""
    shape = layers.shape
    return shape.heads * ((shape.qk_nope_head_dim or shape.d_head) + shape.v_head_dim)
