"""Where latent attention (MLA) is watched and changed: hooks that are installed once when a model is loaded.

Where no tap is open they return at once. What is watched is the input of the layer that expands the latents into every
head's keys and values (`kv_b_proj`): that is what the cache holds in all of transformers' MLA classes. The output of
`kv_a_layernorm` is not: LongCat-Flash and dots3 multiply it with a factor first, and a layer of Mistral Large 4 may have
no norm at all and read an earlier layer's latents.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from models.run.latent_record import LatentRecord
from models.run.model import AttentionModel
from models.run.plan import Plan
from models.run.tap import Tap, current_tap


def latent_reader(module: nn.Module) -> nn.Linear | None:
    """The layer that reads an attention module's latents for all heads; None where there are none. Told by its parts.

    kv_b_proj in DeepSeek's and its relatives' MLA, kv_up_proj in models.conversion.
    """
    for name in ("kv_b_proj", "kv_up_proj"):
        reader = getattr(module, name, None)
        if isinstance(reader, nn.Linear):
            return reader
    return None


def rotary_width(module: nn.Module) -> int | None:
    """qk_rope_head_dim of one layer: 0 where a layer of Mistral Large 4 has no rotary key, None where keys are of one piece."""
    return getattr(module, "qk_rope_head_dim", None)


def latent_layers(model: AttentionModel) -> dict[int, nn.Module]:
    """The decoder's attention modules that read latents, by layer; empty where the model has none."""
    if model.plan.route != "registry":
        return {}
    sites = [site for site in model.plan.sites if site.stack == "decoder"]
    found = {site.layer: model.module.get_submodule(site.module) for site in sites}
    return {layer: module for layer, module in found.items() if latent_reader(module) is not None}


def install_latent_hooks(module: nn.Module, plan: Plan) -> None:
    """Watch the latents of every attention call in the plan; a second time changes nothing."""
    for name in dict.fromkeys(site.module for site in plan.sites if plan.route == "registry"):
        attention = module.get_submodule(name)
        reader = latent_reader(attention)
        if reader is None:
            continue
        if _latent_read not in _hooks(reader, "_forward_pre_hooks"):
            reader.register_forward_pre_hook(_latent_read)
        norm = getattr(attention, "q_a_layernorm", None)
        if isinstance(norm, nn.Module) and _query_latent_made not in _hooks(norm, "_forward_hooks"):
            norm.register_forward_hook(_query_latent_made)


def _hooks(module: nn.Module, kind: str) -> list[Any]:
    """Those that a module has already; PyTorch keeps them to itself."""
    return list(getattr(module, kind).values())


def latent_record(tap: Tap, module: nn.Module) -> LatentRecord | None:
    """What the hooks saw of the attention call that is being observed."""
    if tap.kv_latent is None:
        return None
    return LatentRecord(tap.kv_latent, tap.q_latent, rotary_width(module))


def _latent_read(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """args[0]: latents [batch, 1, pos, kv_lora_rank] or [batch, pos, kv_lora_rank], those of the past among them."""
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


def _query_latent_made(_: nn.Module, __: tuple[Any, ...], output: Tensor) -> None:
    tap = current_tap()
    if tap is not None and tap.observer is not None:
        tap.q_latent = output[0].reshape(-1, output.shape[-1])
