"""Which models can be converted, and what a conversion takes from them."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from models.conversion.factors import Projections
from models.conversion.latent_config import HeadlightMlaConfig
from models.errors import UnsupportedModel
from models.run.model import AttentionModel
from models.run.no_heads import NoHeads

CONVERTIBLE = {
    "LlamaForCausalLM": "Llama",
    "MistralForCausalLM": "Mistral",
    "Qwen2ForCausalLM": "Qwen2",
}
_COPIED = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "hidden_act",
    "max_position_embeddings",
    "initializer_range",
    "rms_norm_eps",
    "tie_word_embeddings",
    "rope_parameters",
    "attention_dropout",
    "pad_token_id",
    "bos_token_id",
    "eos_token_id",
)


def check_source(model: AttentionModel) -> None:
    """Raise UnsupportedModel, one sentence, where this model cannot be converted."""
    shape, kind = model.geometry, type(model.module).__name__
    if shape.kind == "mla":
        raise UnsupportedModel(
            f"“{model.name}” caches latents already, of {shape.kv_lora_rank} numbers a token and layer: choose a model with "
            "multi-head, grouped-query or multi-query attention."
        )
    if shape.role != "decoder":
        raise UnsupportedModel(
            f"“{model.name}” is an {shape.role}, and only decoders can be converted to latents: choose a decoder of the "
            f"classes {_classes()}."
        )
    if kind not in CONVERTIBLE:
        raise UnsupportedModel(
            f"“{model.name}” is a {kind}, and only models of the classes {_classes()} can be converted: choose one of those."
        )
    for layer in attention_layers(model):
        expected = (shape.heads * shape.d_head, shape.kv_heads * shape.d_head)
        uneven = layer.__class__ is NoHeads or getattr(layer, "kv_heads_of", None) is not None
        if uneven or (layer.q_proj.weight.shape[0], layer.k_proj.weight.shape[0]) != expected:
            raise UnsupportedModel(
                f"Heads of {model.name} were removed, and only a model with as many heads in every layer can be converted: "
                "convert it first, or choose another."
            )


def _classes() -> str:
    *most, last = CONVERTIBLE.values()
    return f"{', '.join(most)} and {last}"


def attention_layers(model: AttentionModel) -> list[Any]:
    """The attention module of each layer."""
    body: Any = model.module.base_model
    return [layer.self_attn for layer in body.layers]


def projections(model: AttentionModel, attention: Any) -> Projections:
    """One layer's weights in float64 on the CPU."""
    return Projections(
        key=_double(attention.k_proj.weight),
        value=_double(attention.v_proj.weight),
        key_bias=_bias(attention.k_proj),
        value_bias=_bias(attention.v_proj),
        output=_double(attention.o_proj.weight),
        heads=model.geometry.heads,
        kv_heads=model.geometry.kv_heads,
    )


def _double(weight: Tensor) -> Tensor:
    return weight.detach().cpu().double()


def _bias(linear: nn.Linear) -> Tensor:
    return _double(linear.weight[:, 0]) * 0 if linear.bias is None else _double(linear.bias)


def latent_config(model: AttentionModel, ranks: tuple[int, ...]) -> HeadlightMlaConfig:
    """The config of the converted model: all that is not attention as it was."""
    config: Any = model.module.config
    first = attention_layers(model)[0]
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None)
    if kinds is None:
        kinds = ["full_attention" if window is None else "sliding_attention"] * len(ranks)
    return HeadlightMlaConfig(
        **{name: getattr(config, name) for name in _COPIED},
        head_dim=model.geometry.d_head,
        kv_lora_rank=max(ranks),
        kv_lora_ranks=None if len(set(ranks)) == 1 else list(ranks),
        query_bias=first.q_proj.bias is not None,
        output_bias=first.o_proj.bias is not None,
        mlp_bias=getattr(config, "mlp_bias", False),
        sliding_window=window,
        layer_types=list(kinds),
    )
