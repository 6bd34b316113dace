"""A converted model with a decoupled rotary key, as transformers' own DeepSeek-V3 class: it can be run absorbed.

That class norms its latents and gives their expansion no bias. One number of the latent is therefore a large constant: beside
it the others hardly change the norm, whose weights undo the rest, and behind the norm it is 1 and carries the biases. Its
rotary frequencies, which are given a name of their own by LongRoPE's factors, are those of the kept directions.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor
from transformers import DeepseekV3Config, DeepseekV3ForCausalLM, PreTrainedModel
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3RotaryEmbedding

from models.conversion.calibration import Calibration
from models.conversion.decoupled import (
    RotaryBasis,
    content,
    kept_directions,
    rotary_basis,
    rotary_key,
    rotary_queries,
    without_rotation,
)
from models.conversion.factors import Projections, spectrum
from models.conversion.ranks import full_rank
from models.conversion.source_model import attention_layers, projections
from models.errors import UnsupportedModel
from models.progress import Progress
from models.run.model import AttentionModel

# Of the constant; float16 reaches no further than 65,504. Latents have about unit variance.
LARGE, LARGE_HALF = 2.0**20, 2.0**15
_STEADY = ("default", "linear", "llama3")  # rotary embeddings whose frequencies do not change with the text
_COPIED = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "hidden_act",
    "max_position_embeddings",
    "initializer_range",
    "rms_norm_eps",
    "tie_word_embeddings",
    "attention_dropout",
    "pad_token_id",
    "bos_token_id",
    "eos_token_id",
)


def check_decoupled(model: AttentionModel) -> None:
    """Raise UnsupportedModel, one sentence, where the DeepSeek-V3 class cannot say what this model does."""
    config: Any = model.module.config
    first = attention_layers(model)[0]
    missing = {
        "biases of queries": first.q_proj.bias is not None,
        "biases in the feed-forward part": getattr(config, "mlp_bias", False),
        "a sliding window": any(one.sliding_window for one in model.geometry.each_layer),
        "a rotary embedding that changes with the text": config.rope_parameters["rope_type"] not in _STEADY,
    }
    for what, has in missing.items():
        if has:
            raise UnsupportedModel(
                f"{model.name} has {what}, which transformers’ DeepSeek-V3 class lacks, so its rotary part cannot be "
                "decoupled: leave it in the latent."
            )


def rope_width(model: AttentionModel, numbers: int) -> int:
    """How many of the numbers cached per token and layer the rotary key takes, an even one: of the keys' width the 2.5th power
    of the share that is cached, which is about what was best for smollm2-135m at 50, 67 and 75% of its cache.
    """
    shape = model.geometry
    whole, full = shape.kv_heads * shape.d_head, full_rank(model, "decoupled")
    width = 2 * round(whole / 2 * (numbers / full) ** 2.5)
    most_latent = min(whole + shape.kv_heads * shape.v_head_dim, shape.d_model) + 1
    return min(max(width, 2, numbers - most_latent + numbers % 2), whole)


def decoupled_module(
    model: AttentionModel, numbers: int, seen: Calibration, progress: Progress
) -> PreTrainedModel:
    """The converted module, which caches that many numbers per token and layer, latent and rotary key together."""
    width = rope_width(model, numbers)
    body: Any = model.module.base_model
    frequencies = body.rotary_emb.inv_freq.detach().cpu().double()
    attentions = attention_layers(model)
    weights = [projections(model, attention) for attention in attentions]
    bases = [rotary_basis(*pair) for pair in zip(weights, seen.layers, strict=True)]
    still = without_rotation(frequencies)
    kept = kept_directions(bases, still, width // 2)
    like = next(model.module.parameters())
    replaced = (".q_proj.", ".k_proj.", ".v_proj.")
    state = {
        name: tensor.clone()
        for name, tensor in model.module.state_dict().items()
        if not any(part in name for part in replaced)
    }
    for number, (own, basis, moments) in enumerate(zip(weights, bases, seen.layers, strict=True)):
        progress(f"Decoupling the rotary key of layer {number}", number / len(bases))
        factors = spectrum(content(own, basis, kept, still), moments, own).cut(numbers - width - 1)
        made = _latent_weights(
            own, factors.down, factors.up, factors.bias, rotary_key(basis, kept), like.dtype
        )
        query = attentions[number].q_proj.weight.detach().cpu().double().unflatten(0, (own.heads, -1))
        made["q_proj.weight"] = _queries(query, basis, kept)
        made["o_proj.bias"] = torch.zeros(model.geometry.d_model, dtype=torch.float32)
        for name, tensor in made.items():  # an output bias that the model has stays
            state.setdefault(f"model.layers.{number}.self_attn.{name}", tensor.to(like))
    return _assembled(model, _config(model, numbers - width, frequencies[kept.nonzero()[:, 0]]), state)


def _latent_weights(
    own: Projections,
    down: Tensor,
    up: Tensor,
    bias: Tensor,
    rotary: tuple[Tensor, Tensor],
    dtype: torch.dtype,
) -> dict[str, Tensor]:
    """The weights between inputs and expanded latents, float64; the constant is the latent's last number."""
    large = LARGE_HALF if dtype == torch.float16 else LARGE
    rank = len(down) + 1
    norm = torch.full((rank,), large / rank**0.5, dtype=torch.float64)
    norm[-1] = rank**-0.5
    constant = torch.zeros(rank, dtype=torch.float64)
    constant[-1] = large
    expansion = torch.cat([up, bias[:, None]], 1).unflatten(0, (2, own.kv_heads, -1))
    per_head = expansion.repeat_interleave(own.heads // own.kv_heads, 1).transpose(0, 1)
    return {
        "kv_a_proj_with_mqa.weight": torch.cat([down, torch.zeros_like(down[:1]), rotary[0]]),
        "kv_a_proj_with_mqa.bias": torch.cat([constant, rotary[1]]),
        "kv_a_layernorm.weight": norm,
        "kv_b_proj.weight": per_head.flatten(0, 2),
    }


def _queries(query: Tensor, basis: RotaryBasis, kept: Tensor) -> Tensor:
    """W_Q of content, then of rotary part, per head; scaled, for the class divides by the root of both widths together."""
    both = torch.cat([query, rotary_queries(query, basis, kept)], 1)
    return (both * (both.shape[1] / query.shape[1]) ** 0.5).flatten(0, 1)


def _config(model: AttentionModel, rank: int, frequencies: Tensor) -> DeepseekV3Config:
    config: Any = model.module.config
    shape = model.geometry
    factors = (1 / frequencies).tolist()
    rope = {
        "rope_type": "longrope",
        "rope_theta": 1.0,
        "factor": 1.0,
        "attention_factor": 1.0,
        "short_factor": factors,
        "long_factor": factors,
        "original_max_position_embeddings": config.max_position_embeddings,
    }
    return DeepseekV3Config(
        **{name: getattr(config, name) for name in _COPIED},
        num_key_value_heads=shape.heads,
        first_k_dense_replace=shape.layers,
        num_mtp_layers=0,
        q_lora_rank=None,
        kv_lora_rank=rank,
        qk_nope_head_dim=shape.d_head,
        qk_rope_head_dim=2 * len(frequencies),
        v_head_dim=shape.v_head_dim,
        attention_bias=True,
        rope_interleave=False,
        rope_parameters=rope,
    )


def _assembled(model: AttentionModel, config: DeepseekV3Config, state: dict[str, Tensor]) -> PreTrainedModel:
    with torch.device("meta"):  # nothing is drawn at random and nothing allocated twice
        module = DeepseekV3ForCausalLM(config)
    module.load_state_dict(state, assign=True)
    module.tie_weights()
    module.model.rotary_emb = DeepseekV3RotaryEmbedding(config).to(model.device)
    module.generation_config = copy.deepcopy(model.module.generation_config)
    return module.requires_grad_(False)
