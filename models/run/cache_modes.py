"""How a model with latent attention keeps its past while it writes: expanded, latent or absorbed.

The mode of a run is the kind of its cache, which is passed along like any other: `past_key_values=
new_cache(model, "absorbed")`. Nothing about a run stands on the module, which all visitors and threads share.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache as once
from typing import Any, cast

from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import (
    Cache,
    DynamicIndexedLayer,
    DynamicLayer,
    DynamicSlidingWindowLayer,
    EncoderDecoderCache,
)

from models.errors import BadSelection
from models.run.absorbed_cache import (
    AbsorbedIndexedLayer,
    AbsorbedLayer,
    AbsorbedSlidingLayer,
    PassesOn,
    can_absorb,
)
from models.run.expanded_cache import ExpandedIndexedLayer, ExpandedLayer, ExpandedSlidingLayer
from models.run.model import AttentionModel
from models.shape.attention_geometry import KIND_NAMES
from models.shape.cache_size import CACHE_MODES, CacheMode

EXPANDED: dict[type[Any], type[Any]] = {
    DynamicLayer: ExpandedLayer,
    DynamicIndexedLayer: ExpandedIndexedLayer,
    DynamicSlidingWindowLayer: ExpandedSlidingLayer,
}
ABSORBED: dict[type[Any], type[Any]] = {
    DynamicLayer: AbsorbedLayer,
    DynamicIndexedLayer: AbsorbedIndexedLayer,
    DynamicSlidingWindowLayer: AbsorbedSlidingLayer,
}


def prepare(module: PreTrainedModel) -> None:
    """Let every latent attention of a model take what our caches have prepared; once, at load.

    Under any other cache, and without one, the model runs as before. The class of each attention is exchanged for a
    subclass, not a method for a bound one, which would hold the model in memory by a cycle.
    """
    for part in list(module.modules()):
        if hasattr(part, "kv_b_proj") and not isinstance(part, PassesOn) and can_absorb(part):
            part.__class__ = _passing_on(type(part))


@once
def _passing_on(kind: type[nn.Module]) -> type[nn.Module]:
    return type(kind.__name__, (PassesOn, kind), {"__module__": kind.__module__})


def with_cache(model: AttentionModel, cache: str) -> AttentionModel:
    """The same model, on the same weights, with this mode where a call names none. Raises BadSelection."""
    cache_mode(model, cache)
    return replace(model, cache=known_mode(cache))


def known_mode(cache: str) -> CacheMode:
    """`cache`, if it is the name of a mode at all; BadSelection otherwise."""
    if cache not in CACHE_MODES:
        raise BadSelection(
            f"The cache mode must be one of {', '.join(CACHE_MODES)}, but {cache!r} came; leave it out for “auto”."
        )
    return cache


def cache_mode(model: AttentionModel, cache: str | None = None) -> CacheMode:
    """The mode that a run under `cache` (None: the model's own setting) takes: "auto" stays only without latents.

    With latents "auto" is "absorbed" where the attention has the form for it, else "latent". Raises BadSelection.
    """
    mode = known_mode(model.cache if cache is None else cache)
    if model.geometry.kind != "mla":
        if mode == "auto":
            return mode
        raise BadSelection(
            f"{model.name} has {KIND_NAMES[model.geometry.kind]} and no latents, so the cache mode {mode!r} does not apply "
            "to it; leave it at “auto”."
        )
    refusal = _refusal(model)
    if mode == "auto":
        return "latent" if refusal.get("absorbed") else "absorbed"
    if mode in refusal:
        raise BadSelection(refusal[mode])
    return mode


def _refusal(model: AttentionModel) -> dict[str, str]:
    """Modes that this model cannot take, each with the sentence that says why."""
    attentions = _attentions(model.module)
    name = type(model.module).__name__
    if not attentions:
        why = (
            f"{name} does not expand its latents by kv_b_proj alone, so it can only run its own way; "
            "choose the cache mode “latent”."
        )
        return {"expanded": why, "absorbed": why}
    cache: Any = _own_cache(model.module)
    layers: list[Any] = cache.layers
    kinds: set[type[Any]] = {
        layers[part.layer_idx].__class__
        for part in attentions
        if not _shares(part) and part.layer_idx < len(layers)
    }
    unknown = kinds - EXPANDED.keys()
    if unknown:
        kind = min(kind.__name__ for kind in unknown)
        why = f"{name} keeps its latents in a {kind}, which has no other form here; choose the cache mode “latent”."
        return {"expanded": why, "absorbed": why}
    if any(_shares(part) for part in attentions):
        return {
            "expanded": f"Several layers of {name} read one layer's latents, each with matrices of its own, so there is "
            "no one set of keys and values to keep; choose the cache mode “absorbed” or “latent”."
        }
    return {}


def _attentions(module: nn.Module) -> list[Any]:
    return [part for part in module.modules() if isinstance(part, PassesOn)]


def _shares(attention: Any) -> bool:
    """Whether this layer reads an earlier layer's latents and caches none of its own (Mistral Large 4)."""
    return bool(getattr(attention, "is_kv_shared_layer", False))


def _own_cache(module: PreTrainedModel) -> DynamicCache:
    return DynamicCache(config=module.config)


def new_cache(model: AttentionModel, cache: str | None = None) -> Cache | None:
    """An empty cache for one run of a model with latent attention; None where a model can only make its own.

    cache: "expanded" keeps every head's keys and values, written into buffers that grow by blocks; "latent" is
    transformers' own way, which keeps latents and expands the whole past at every step; "absorbed" keeps latents and
    reads them as they are (DeepSeek-V2, arXiv 2405.04434, section 2.1.2); "auto" is "absorbed" wherever it can be; None
    is what the model was loaded with. All give the same logits up to rounding. Pass it as `past_key_values`, with
    use_cache=True, for the whole text or chunks of it and then for each token. Raises BadSelection.
    """
    mode = cache_mode(model, cache)
    attentions = _attentions(model.module)
    if not attentions:
        return None
    made: Any = _own_cache(model.module)
    if mode == "latent":
        return made
    for part in attentions:
        if _shares(part):
            continue
        layer: Any = made.layers[part.layer_idx]
        kind: type[Any] = layer.__class__
        window: dict[str, Any] = (
            {"sliding_window": layer.sliding_window} if issubclass(kind, DynamicSlidingWindowLayer) else {}
        )
        made.layers[part.layer_idx] = (
            EXPANDED[kind](part, **window) if mode == "expanded" else ABSORBED[kind](**window)
        )
    return made


@dataclass(frozen=True, slots=True)
class CacheBytes:
    """Memory that a cache takes, in bytes, read from its tensors.

    used: keys and values, or latents and rotary keys, of the tokens held. spare: room preallocated behind them.
    other: what a layer keeps beside (keys of a sparse attention's indexer, states of linear attention).
    """

    used: int
    spare: int
    other: int


def cache_bytes(cache: Cache) -> CacheBytes:
    """What a live cache holds; the formula for `used` is `models.shape.cache_size.cache_bytes_by_formula`.

    Of an encoder-decoder both caches together: of what the decoder has written, and of what it reads from the encoder.
    """
    if isinstance(cache, EncoderDecoderCache):
        own, cross = cache_bytes(cache.self_attention_cache), cache_bytes(cache.cross_attention_cache)
        return CacheBytes(own.used + cross.used, own.spare + cross.spare, own.other + cross.other)
    held, rooms, other = 0, 0, 0
    for layer in cache.layers:
        named = vars(layer)
        own = [t for name in ("keys", "values") if isinstance(t := named.get(name), Tensor)]
        held += sum(t.numel() * t.element_size() for t in own)
        buffers = [r.buffer.nbytes for r in named.get("rooms", ()) if r.buffer is not None]
        rooms += sum(buffers) - sum(t.numel() * t.element_size() for t in own) if buffers else 0
        rest = [value for name, value in named.items() if name not in ("keys", "values", "rooms")]
        other += sum(t.nbytes for t in _tensors(rest) if t.ndim > 1)
    return CacheBytes(held, rooms, other)


def _tensors(values: Iterable[Any]) -> Iterable[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, dict):
            yield from _tensors(cast(dict[Any, Any], value).values())
        elif isinstance(value, (list, tuple)):
            yield from _tensors(cast(Iterable[Any], value))
