"""Where latent attention (MLA) is watched and changed: hooks that are installed once when a model is loaded.

Where no tap is open they return at once. What is watched is the input of `kv_b_proj`, which expands the latents into every
head's keys and values: that is what the cache holds in all of transformers' MLA classes. The output of `kv_a_layernorm`
is not: LongCat-Flash and dots3 multiply it with a factor first, and a layer of Mistral Large 4 may have no norm at all
and read an earlier layer's latents.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from models.latent_record import LatentRecord
from models.model import AttentionModel
from models.plan import Plan
from models.tap import Tap, current_tap


def latent_attention(module: nn.Module) -> bool:
    """Whether an attention module builds its heads' keys and values from one latent, told by its parts."""
    rank = getattr(module, "kv_lora_rank", None)
    return isinstance(rank, int) and isinstance(getattr(module, "kv_b_proj", None), nn.Module)


def rotary_width(module: nn.Module) -> int:
    """qk_rope_head_dim of one layer: Mistral Large 4 has layers without."""
    return int(getattr(module, "qk_rope_head_dim", 0) or 0)


def latent_layers(model: AttentionModel) -> dict[int, nn.Module]:
    """The decoder's attention modules that read latents, by layer; empty where the model has none."""
    if model.plan.route != "registry":
        return {}
    sites = [site for site in model.plan.sites if site.stack == "decoder"]
    found = {site.layer: model.module.get_submodule(site.module) for site in sites}
    return {layer: module for layer, module in found.items() if latent_attention(module)}


def install_latent_hooks(module: nn.Module, plan: Plan) -> None:
    """Watch the latents of every attention call in the plan; a second time changes nothing."""
    for name in dict.fromkeys(site.module for site in plan.sites if plan.route == "registry"):
        attention: Any = module.get_submodule(name)
        if not latent_attention(attention):
            continue
        if _latent_read not in attention.kv_b_proj._forward_pre_hooks.values():
            attention.kv_b_proj.register_forward_pre_hook(_latent_read)
        norm = getattr(attention, "q_a_layernorm", None)
        if isinstance(norm, nn.Module) and _query_latent_made not in norm._forward_hooks.values():
            norm.register_forward_hook(_query_latent_made)


def latent_record(tap: Tap, module: nn.Module) -> LatentRecord | None:
    """What the hooks saw of the attention call that is being observed."""
    if tap.kv_latent is None:
        return None
    return LatentRecord(tap.kv_latent, tap.q_latent, rotary_width(module))


def _latent_read(_: nn.Module, args: tuple) -> tuple | None:
    """args[0]: latents [batch, 1, pos, kv_lora_rank], those of the past among them."""
    tap = current_tap()
    if tap is None:
        return None
    latent: Tensor = args[0]
    cut = tap.cuts.get(tap.calls)  # the call that follows reads them
    if cut is not None:
        latent = cut.latent(latent)
    if tap.observer is not None:
        tap.kv_latent = latent[0].reshape(-1, latent.shape[-1])
    return None if cut is None else (latent, *args[1:])


def _query_latent_made(_: nn.Module, __: tuple, output: Tensor) -> None:
    tap = current_tap()
    if tap is not None and tap.observer is not None:
        tap.q_latent = output[0].reshape(-1, output.shape[-1])
