"""The tap: one attention function, registered with transformers, through which every model of the engine runs.

What to record and which heads to gate stands in a ContextVar. Two people on one shared model, in two threads, can
therefore neither see nor prune each other's run, and neither waits for the other.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import (
    sdpa_attention_forward,  # pyright: ignore[reportUnknownVariableType]
)
from transformers.masking_utils import (
    eager_mask,  # pyright: ignore[reportUnknownVariableType]
    sdpa_mask,  # pyright: ignore[reportUnknownVariableType]
)

from models.run.absorbed_cache import Latents, absorbed_attention, expanded
from models.run.attention_call import AttentionCall, attention_scores, softmax_with_sinks
from models.run.default_dtype import default_dtype_kept
from models.run.interventions import Cut, Gate
from models.run.records import FinishedPatterns
from models.run.uneven_heads import uneven_attention

ENGINE = "headlight"
# For classes that transformers does not vouch for under SDPA: some mark a decoder's self-attention as not causal
# (BigBird-Pegasus) or read the mask themselves (NLLB-MoE's router), which is right only with the additive eager mask.
ENGINE_EXPLICIT_MASK = "headlight-explicit-mask"
ENGINES = (ENGINE, ENGINE_EXPLICIT_MASK)

Observer = Callable[[nn.Module, AttentionCall | FinishedPatterns, Tensor], None]


@dataclass(slots=True)
class Tap:
    """What one forward pass is watched and changed by.

    observer: called once a call with the module, the call's inputs for the first text of the batch (its finished patterns,
    where the attention is no scaled dot product), and the output [batch, query, head, d_value] before any gate.
    gates: for the n-th call of the pass, which heads' outputs are replaced, before the output projection.
    cuts: for the n-th call, what its heads can no longer read of the latents (MLA) and of the rotary key.
    kv_latent, q_latent: while a call is observed, what models.run.latent_tap saw of its latents [pos, rank].
    """

    observer: Observer | None = None
    gates: Mapping[int, Gate] = field(default_factory=dict[int, Gate])
    cuts: Mapping[int, Cut] = field(default_factory=dict[int, Cut])
    calls: int = 0
    kv_latent: Tensor | None = None
    q_latent: Tensor | None = None


def engine_name(module_class: type[PreTrainedModel]) -> str:
    """The attention implementation to load a class with."""
    supported = module_class._supports_sdpa  # pyright: ignore[reportPrivateUsage]
    return ENGINE if supported else ENGINE_EXPLICIT_MASK


_TAP: ContextVar[Tap | None] = ContextVar("headlight_tap", default=None)


def current_tap() -> Tap | None:
    """The tap that this thread's (or task's) forward pass runs under."""
    return _TAP.get()


@contextmanager
def tapped(tap: Tap) -> Generator[Tap]:
    """Run forward passes of this thread (or task) under `tap`."""
    token = _TAP.set(tap)
    try:
        with default_dtype_kept():
            yield tap
    finally:
        _TAP.reset(token)


def engine_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """transformers' attention function: SDPA at full speed wherever SDPA can express the model's attention.

    query [batch, head, query, d_head], key and value [batch, kv_head, key, d]; returns [batch, query, head, d_value].
    """
    tap = _TAP.get()
    cut = None if tap is None else tap.cuts.get(tap.calls)
    if cut is not None:
        key, value = expanded(module, key, value)
        key = cut.key(key)
    attention_mask = _narrowed(module, attention_mask, query, key, kwargs)
    sinks = kwargs.get("s_aux") if kwargs.get("s_aux") is not None else kwargs.get("sinks")
    reads = getattr(module, "kv_heads_of", None)
    if isinstance(key, Latents):  # a step of the absorbed mode
        query, value, output = absorbed_attention(module, query, key, attention_mask, scaling, sinks)
    elif reads is not None:
        output = uneven_attention(
            module, reads, query, key, value, attention_mask, dropout, scaling, **kwargs
        )
    elif kwargs.get("softcap") is None and sinks is None:
        output, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout, scaling, **kwargs
        )
    else:
        output = _explicit_attention(_call(module, query, key, value, attention_mask, scaling, kwargs))
    if tap is None:
        return output, None
    index, tap.calls = tap.calls, tap.calls + 1
    if tap.observer is not None:
        batched = _call(module, query, key, value, attention_mask, scaling, kwargs)
        tap.observer(module, _first_text(batched), output)
        tap.kv_latent = tap.q_latent = None
    gate = tap.gates.get(index)
    return output if gate is None else gate(output), None


def _narrowed(
    module: nn.Module, mask: Tensor | None, query: Tensor, key: Tensor, kwargs: dict[str, Any]
) -> Tensor | None:
    """The mask less the keys that a sparse attention's own index passed over; transformers leaves this to us.

    indices: [batch, query, n] chosen keys (DeepSeek-V3.2); block_indices: [batch, group, query, n] chosen blocks of keys
    (MiniMax-M3); -1 fills unused places.
    """
    indices, blocks = kwargs.pop("indices", None), kwargs.pop("block_indices", None)
    if indices is not None:
        chosen, size = indices[:, None], 1
    elif blocks is not None:
        chosen, size = blocks, cast(Any, module).indexer.block_size
    else:
        return mask
    count = -(-key.shape[2] // size)
    grid = torch.zeros(*chosen.shape[:3], count + 1, dtype=torch.bool, device=key.device)
    grid = grid.scatter(-1, chosen.long().masked_fill(chosen < 0, count), True)[..., :count]
    seen = grid.repeat_interleave(size, dim=-1)[..., : key.shape[2]]
    if seen.shape[1] > 1:
        seen = seen.repeat_interleave(query.shape[1] // seen.shape[1], dim=1)
    if mask is None:
        return seen.tril(key.shape[2] - query.shape[2])
    return mask & seen if mask.dtype == torch.bool else mask.masked_fill(~seen, torch.finfo(mask.dtype).min)


def _call(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scaling: float | None,
    kwargs: Mapping[str, Any],
) -> AttentionCall:
    """The call with its batch axis still in front of every tensor."""
    causal = kwargs.get("is_causal")
    causal = getattr(module, "is_causal", True) if causal is None else causal
    sinks = kwargs.get("s_aux") if kwargs.get("s_aux") is not None else kwargs.get("sinks")
    if sinks is not None and sinks.ndim == 1:
        sinks = sinks[None, :, None, None]
    # transformers slices and flips the mask of its own SDPA function in just this way: causal only without a mask.
    return AttentionCall(
        query=query,
        key=key,
        value=value,
        scaling=query.shape[-1] ** -0.5 if scaling is None else float(scaling),
        causal=bool(causal) and mask is None and query.shape[2] > 1,
        mask=None if mask is None else mask[..., : key.shape[2]],
        position_bias=kwargs.get("position_bias"),
        softcap=kwargs.get("softcap"),
        sinks=sinks,
        kv_heads_of=getattr(module, "kv_heads_of", None),
    )


def _explicit_attention(call: AttentionCall) -> Tensor:
    """Attention with soft cap or sinks, which SDPA has no argument for."""
    scores = attention_scores(
        call.query,
        call.key,
        scaling=call.scaling,
        causal=call.causal,
        mask=call.mask,
        position_bias=call.position_bias,
        softcap=call.softcap,
    )
    weights = softmax_with_sinks(scores, call.sinks).to(call.value.dtype)
    groups = call.query.shape[1] // call.value.shape[1]
    value = call.value.repeat_interleave(groups, dim=1) if groups > 1 else call.value
    return torch.matmul(weights, value).transpose(1, 2).contiguous()


def _first_text(call: AttentionCall) -> AttentionCall:
    def first(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor[0]

    return AttentionCall(
        query=call.query[0],
        key=call.key[0],
        value=call.value[0],
        scaling=call.scaling,
        causal=call.causal,
        mask=first(call.mask),
        position_bias=first(call.position_bias),
        softcap=call.softcap,
        sinks=first(call.sinks),
        kv_heads_of=call.kv_heads_of,
    )


# Both, or neither: without the mask function transformers passes no mask at all, and attention silently turns
# non-causal and looks at padding.
_attentions, _masks = cast(Any, AttentionInterface), cast(Any, AttentionMaskInterface)
for _name, _mask in ((ENGINE, cast(Any, sdpa_mask)), (ENGINE_EXPLICIT_MASK, cast(Any, eager_mask))):
    _attentions.register(_name, engine_attention)
    _masks.register(_name, _mask)
