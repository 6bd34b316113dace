"""What a config says that costs memory or time: which layers cache what, and how large the weights are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

from transformers import PreTrainedConfig
from transformers.cache_utils import get_layer_types_and_kwargs

from models.cost.weights import Weights
from models.errors import UnsupportedModel
from models.geometry import Geometry, geometry

Keeps = Literal[
    "everything",
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
# What a config calls otherwise in layers with a window, where those differ from the others.
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
MOST_LAYERS = 4096  # a number beyond is a slip or a trick, and each layer is looked at by itself


@dataclass(frozen=True, slots=True)
class Layers:
    """Layers that cache alike. keeps: what of the past; window: tokens that a windowed layer sees, itself among them.

    shape: their attention's, whose `layers` is how many of them there are. index_dim: width of the key that a sparse
    attention's indexer caches beside the rest, 0 without one.
    """

    shape: Geometry
    keeps: Keeps
    window: int | None = None
    index_dim: int = 0

    @property
    def count(self) -> int:
        return self.shape.layers

    @property
    def attends(self) -> bool:
        return self.keeps not in ("state", "no attention", "unknown")

    @property
    def caches(self) -> bool:
        """Whether keys and values of tokens are kept here."""
        return self.keeps.startswith(("everything", "window"))

    def seen(self, tokens: int) -> int:
        """Keys that the last of so many tokens looks at."""
        return tokens if self.window is None else min(tokens, self.window)

    def kept(self, tokens: int) -> int:
        """Tokens that are kept for the next one: a window of 4,096 is that one and the 4,095 before it."""
        return tokens if self.window is None else min(tokens, self.window - 1)


@dataclass(frozen=True, slots=True)
class Anatomy:
    """A model as far as its cost goes. weights: None where only the attention is known. notes: sentences about what is
    not counted or was left out."""

    name: str
    shape: Geometry
    layers: tuple[Layers, ...]
    weights: Weights | None = None
    notes: tuple[str, ...] = ()


def of_geometry(shape: Geometry, name: str = "") -> Anatomy:
    """All layers alike, with nothing known of the weights. A window counts for all of them."""
    keeps: Keeps = "everything" if shape.sliding_window is None else "window"
    return Anatomy(name, shape, (Layers(shape, keeps, shape.sliding_window),))


def demand_sound(shape: Geometry) -> None:
    """Raise UnsupportedModel where the numbers of a config contradict each other."""
    if shape.heads % shape.kv_heads:
        raise UnsupportedModel(
            f"The config has {shape.heads} heads and {shape.kv_heads} key/value heads, and each of those must serve equally "
            "many; change num_attention_heads or num_key_value_heads."
        )
    if shape.layers > MOST_LAYERS:
        raise UnsupportedModel(
            f"The config has {shape.layers:,} layers, and more than {MOST_LAYERS:,} are not worked out; check "
            "num_hidden_layers."
        )
    if shape.d_head < 1:
        raise UnsupportedModel(
            f"The config has {shape.heads} heads in a width of {shape.d_model}, which leaves nothing for each; change "
            "num_attention_heads or hidden_size."
        )


def layers_of(config: PreTrainedConfig, shape: Geometry) -> tuple[Layers, ...]:
    """Layers in groups that cache alike, in the order in which each group first appears."""
    if shape.role == "encoder-decoder":
        return (Layers(shape, "everything"),)
    text = config.get_text_config(decoder=True)
    if text.model_type in _NOT_UNDERSTOOD:
        return (Layers(shape, "unknown"),)
    try:
        kinds, caches = get_layer_types_and_kwargs(text)
        configs = list(text.per_layer_config)
    except Exception:  # whatever a config lacks that transformers' own cache asks it for
        return (Layers(shape, "unknown"),)
    if len(kinds) != len(configs) or not kinds:
        return (Layers(shape, "unknown"),)
    named = list(getattr(text, "layer_types", None) or kinds)
    kinds = [own if own in ("mlp", "moe") else kind for kind, own in zip(kinds, named, strict=True)]
    made = (
        _group(_one_layer(own, shape, place), kind, own, cache.get("sliding_window"))
        for place, (kind, own, cache) in enumerate(zip(kinds, configs, caches, strict=True))
    )
    found = Counter(made)
    return tuple(replace(layer, shape=replace(layer.shape, layers=count)) for layer, count in found.items())


def _group(one: Geometry, kind: str, own: Any, window: int | None) -> Layers:
    """One layer by itself; see `Layers`."""
    if window is not None and window < 1:
        raise UnsupportedModel(
            f"The config has a sliding window of {window:,} tokens, and a token sees itself at least; change sliding_window."
        )
    index = getattr(own, "index_head_dim", None) or 0 if kind in _INDEXED else 0
    if window is not None and one.kind != "mla":
        others = {ours: getattr(own, theirs, None) for ours, theirs in _IN_WINDOWS.items()}
        one = replace(one, **{ours: value for ours, value in others.items() if isinstance(value, int)})
    windowed_latents = window is not None and one.kind == "mla" and hasattr(own, "swa_kv_lora_rank")
    return Layers(one, "unknown" if windowed_latents else _KEEPS.get(kind, "unknown"), window, index)


def _one_layer(own: Any, shape: Geometry, place: int) -> Geometry:
    """The attention of one layer, with what its own config says where layers differ, and without heads that were removed."""
    try:
        one = geometry(own)
    except Exception:  # a layer's part of a config is not always a whole one
        one = shape
    ranks, heads, kv_heads = shape.kv_lora_ranks, shape.heads_per_layer, shape.kv_heads_per_layer
    return replace(
        shape,
        layers=1,
        heads=one.heads if heads is None else heads[place],
        kv_heads=one.kv_heads if kv_heads is None else kv_heads[place],
        d_head=one.d_head,
        v_head_dim=one.v_head_dim,
        kv_lora_rank=shape.kv_lora_rank if ranks is None else ranks[place],
        kv_lora_ranks=None,
        heads_per_layer=None,
        kv_heads_per_layer=None,
    )
