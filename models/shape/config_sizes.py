"""Single numbers of a config under all the names that transformers' configs have for them."""

from collections import Counter
from typing import Any

from transformers import PreTrainedConfig
from transformers.integrations.heterogeneity import AmbiguousGlobalPerLayerAttributeError

from models.errors import UnsupportedModel


def number(config: Any, *names: str) -> int | None:
    """The first of these attributes that is a positive whole number; the config follows its attribute map."""
    for name in names:
        value = _read(config, name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None


def _read(config: Any, name: str) -> Any:
    """An attribute, or None; where it varies over the layers (Gemma 4), what most layers have."""
    try:
        return getattr(config, name, None)
    except AmbiguousGlobalPerLayerAttributeError:
        values = [getattr(layer, name, None) for layer in config.per_layer_config]
        return Counter(values).most_common(1)[0][0]


def text_of(config: PreTrainedConfig) -> Any:
    """A newer config may nest what concerns text; the older ones are flat."""
    nested = getattr(config, "text_config", None)
    return config if nested is None else nested


def side_of(config: PreTrainedConfig, side: str) -> Any:
    """One half of an encoder-decoder: a config of its own (T5Gemma, EncoderDecoderModel) or the flat one."""
    nested = getattr(config, side, None)
    return nested if isinstance(nested, PreTrainedConfig) else config


def count_heads(config: Any, prefix: str) -> int:
    own = (f"{prefix}_attention_heads", f"num_{prefix}_attention_heads") if prefix else ()
    heads = number(config, *own, "num_attention_heads")
    if heads is None:
        raise UnsupportedModel(
            f"“{config.model_type}” has no attention heads to show: its config sets no num_attention_heads, "
            "as with Mamba or RWKV; choose a model with attention."
        )
    return heads // _convolution_share(config)


def _convolution_share(config: Any) -> int:
    """ConvBERT gives all but one in `head_ratio` heads to convolutions, and narrows what is left likewise."""
    return number(config, "head_ratio") or 1


def count_layers(config: Any, prefix: str) -> int:
    own = (f"{prefix}_layers", f"num_{prefix}_layers") if prefix else ()
    layers = number(config, *own, "num_hidden_layers", "num_layers")
    if layers is None:
        raise UnsupportedModel(
            f"The config of “{config.model_type}” does not say how many layers the model has."
        )
    return layers


def width_of(config: Any) -> int:
    width = number(config, "true_hidden_size", "hidden_size")  # MobileBERT attends in its narrow inner width
    if width is None:
        raise UnsupportedModel(f"The config of “{config.model_type}” does not say how wide the model is.")
    return width


def count_kv_heads(config: Any, heads: int) -> int:
    """Key/value heads; Falcon and GPT-BigCode say it with flags, DBRX and MPT in a nested config."""
    if getattr(config, "new_decoder_architecture", False):
        return number(config, "num_kv_heads") or heads
    multi_query = getattr(config, "multi_query", None)
    if multi_query is not None:
        return 1 if multi_query else heads
    nested = number(getattr(config, "attn_config", None), "kv_n_heads")
    return nested or number(config, "num_key_value_heads") or heads


def split_key(config: Any) -> int:
    """Width of a key that has a content and a rotary part of its own, as in DeepSeek's MLA; 0 where keys are of one piece.

    `head_dim` of such a config is the rotary part alone, for the rotary embedding's sake.
    """
    return (number(config, "qk_nope_head_dim") or 0) + (number(config, "qk_rope_head_dim") or 0)


def latent_ranks(config: Any) -> tuple[int, ...] | None:
    ranks = getattr(config, "kv_lora_ranks", None)
    return tuple(ranks) if ranks and len(set(ranks)) > 1 else None


def head_width(config: Any, heads: int, d_model: int) -> int:
    named = number(
        config, "head_dim", "d_kv", "attention_head_dim", "d_head", "dim_head", "attention_head_size"
    )
    return named or d_model // (heads * _convolution_share(config))


def window_of(config: Any) -> int | None:
    if getattr(config, "use_sliding_window", True) is False:
        return None
    return number(config, "sliding_window", "local_attention", "window_size")
