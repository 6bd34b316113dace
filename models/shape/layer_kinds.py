"""What each layer of a model keeps of the past, by the cache that transformers itself would make for its config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, cast

from transformers import PreTrainedConfig, cache_utils

from models.errors import UnsupportedModel

Keeps = Literal[
    "everything",
    "everything and index",
    "window",
    "state",
    "window and state",
    "everything and state",
    "another layer's",
    "no attention",
    "unknown",
]
_KEEPS: Mapping[str, Keeps] = MappingProxyType(
    {
        "full_attention": "everything",
        "indexed_attention": "everything",
        "minimax_m3_sparse": "everything",
        "sliding_attention": "window",
        "chunked_attention": "window",
        "linear_attention": "state",
        "conv": "state",
        "mamba": "state",
        "hybrid": "everything and state",
        "hybrid_sliding": "window and state",
        "dummy": "another layer's",
        "mlp": "no attention",
        "moe": "no attention",
    }
)
# Sizes that configs list for each layer, and those that they call otherwise in layers with a window.
_LISTED: Mapping[str, str] = MappingProxyType(
    {
        "heads": "num_attention_heads_per_layer",
        "kv_heads": "num_key_value_heads_per_layer",
        "d_head": "head_dim_per_layer",
    }
)
_IN_WINDOWS: Mapping[str, str] = MappingProxyType(
    {
        "heads": "swa_num_attention_heads",
        "kv_heads": "swa_num_key_value_heads",
        "d_head": "swa_head_dim",
        "v_head_dim": "swa_v_head_dim",
    }
)
_INDEXED = ("indexed_attention", "minimax_m3_sparse")
# Runs its layers again and again and caches anew each time; has more key/value heads in windows than its config says.
_NOT_UNDERSTOOD = ("hrm_text", "mimo_v2_flash")


@dataclass(frozen=True, slots=True)
class LayerKind:
    """One layer. keeps: what of the past; window: tokens that it sees, itself among them, None without a window.

    config: what holds for it, of which single sizes may be its own; sizes: those that the model's config says apart from
    that, by the names of Geometry.
    """

    config: PreTrainedConfig
    keeps: Keeps
    window: int | None
    sizes: Mapping[str, int]


def layer_kinds(config: PreTrainedConfig, layers: int, latent: bool) -> tuple[LayerKind, ...] | None:
    """All layers in order, None where it is not known what they keep. config: of the decoder, or of a model of one stack;
    latent: whether its attention is. Raises UnsupportedModel for a window that is none."""
    whole: Any = config
    text: Any = whole.get_text_config(decoder=True)
    if text.model_type in _NOT_UNDERSTOOD:
        return None
    try:
        untyped: Any = cache_utils
        kinds, caches = untyped.get_layer_types_and_kwargs(text)
        configs: list[PreTrainedConfig] = list(text.per_layer_config)
    except Exception:  # whatever a config lacks that transformers' own cache asks it for
        return None
    if not len(kinds) == len(configs) == layers:
        return None
    named: list[str] = list(getattr(text, "layer_types", None) or kinds)
    kinds = [own if own in ("mlp", "moe") else kind for kind, own in zip(kinds, named, strict=True)]
    return tuple(
        _kind(text, own, place, kind, cache.get("sliding_window"), latent)
        for place, (own, kind, cache) in enumerate(zip(configs, kinds, caches, strict=True))
    )


def _kind(
    text: PreTrainedConfig, own: PreTrainedConfig, place: int, kind: str, window: int | None, latent: bool
) -> LayerKind:
    if window is not None and window < 1:
        raise UnsupportedModel(
            f"The config has a sliding window of {window:,} tokens, and a token sees itself at least; change sliding_window."
        )
    keeps = _KEEPS.get(kind, "unknown")
    if kind in _INDEXED and getattr(own, "index_head_dim", None):
        keeps = "everything and index"
    if window is not None and latent and hasattr(own, "swa_kv_lora_rank"):
        keeps = "unknown"
    sizes: dict[str, Any] = {
        ours: row[place] for ours, theirs in _LISTED.items() if (row := _list(text, theirs, place))
    }
    if window is not None and not latent:
        sizes |= {ours: size for ours, theirs in _IN_WINDOWS.items() if (size := getattr(own, theirs, None))}
    return LayerKind(
        own, keeps, window, {name: size for name, size in sizes.items() if isinstance(size, int)}
    )


def _list(text: PreTrainedConfig, name: str, place: int) -> list[Any]:
    """What a config lists for each layer; empty where it does not."""
    row: Any = getattr(text, name, None)
    listed = cast(list[Any], row) if isinstance(row, list) else []
    return listed if place < len(listed) else []
