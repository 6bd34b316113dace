"""`convert_to_mla`: from a model that caches keys and values to one that caches a low-rank latent for both."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from models.conversion.calibration import MOST_TOKENS, Calibration, calibrate
from models.conversion.decoupled_model import check_decoupled, decoupled_module
from models.conversion.factors import Factors, Spectrum, spectrum
from models.conversion.latent_model import HeadlightMlaForCausalLM
from models.conversion.ranks import Rope, budget_elements, check_ranks, check_rope, share_out
from models.conversion.source_model import attention_layers, check_source, latent_config, projections
from models.errors import BadSelection
from models.loading.loader import wrap
from models.progress import Progress, no_progress, part
from models.run.model import AttentionModel


@dataclass(frozen=True, slots=True)
class LatentSpectra:
    """What the latents of a model would hold, layer by layer; worked out once, it serves conversions to any rank.

    calibration: the text it was worked out on.
    """

    layers: tuple[Spectrum, ...]
    calibration: Calibration


def latent_spectra(
    model: AttentionModel,
    texts: str | Sequence[str] | None = None,
    *,
    max_tokens: int = MOST_TOKENS,
    progress: Progress = no_progress,
) -> LatentSpectra:
    """Calibrate on at most max_tokens, and find the latent directions of each layer. Raises UnsupportedModel, BadText."""
    check_source(model)
    seen = calibrate(model, texts, max_tokens=max_tokens, progress=part(progress, 0.0, 0.7))
    layers: list[Spectrum] = []
    for number, attention in enumerate(attention_layers(model)):
        progress(f"Finding the latents of layer {number}", 0.7 + 0.3 * number / model.geometry.layers)
        layers.append(spectrum(projections(model, attention), seen.layers[number]))
    return LatentSpectra(tuple(layers), seen)


def convert_to_mla(
    model: AttentionModel,
    kv_rank: int | Sequence[int],
    texts: str | Sequence[str] | LatentSpectra | None = None,
    *,
    rope: Rope = "latent",
    progress: Progress = no_progress,
) -> AttentionModel:
    """A model whose cache holds one latent of `kv_rank` numbers per token and layer, for keys and values together.

    kv_rank: one for all layers, or one for each; the full rank (models.conversion.ranks.full_rank) is exact but for rounding.
    texts: what the latents are fitted to (see models.conversion.factors), None for the text that comes with Headlight; or what
    `latent_spectra` gave, for several conversions of one model. The result has weights of its own; the given model is not
    changed, also where an exception from `progress` ends the work.

    rope="latent": keys are expanded and then turned by the rotary embedding, so that the expansion cannot be absorbed into
    the queries. "decoupled": of the kv_rank numbers some are a rotary key that all heads share, and the model is a
    transformers' DeepSeek-V3, which runs absorbed, but foresees a text less well (see models.conversion.decoupled).

    Raises UnsupportedModel (not a Llama, Qwen2 or Mistral decoder, or none that can be decoupled), BadSelection (the rank),
    BadText (too short).
    """
    check_source(model)
    if check_rope(rope) == "decoupled":
        check_decoupled(model)
    ranks = check_ranks(model, kv_rank, rope)
    told = part(progress, 0.0, 0.9)
    spectra = texts if isinstance(texts, LatentSpectra) else latent_spectra(model, texts, progress=told)
    if len(spectra.layers) != len(ranks):
        raise BadSelection(
            f"The spectra are those of a model with {len(spectra.layers)} layers, but {model.name} has {len(ranks)}: work "
            "them out for this model."
        )
    progress("Putting the converted model together", 0.9)
    if rope == "decoupled":
        module = decoupled_module(model, ranks[0], spectra.calibration, part(progress, 0.9, 1.0))
    else:
        factors = [layer.cut(rank) for layer, rank in zip(spectra.layers, ranks, strict=True)]
        module = _assembled(model, ranks, factors)
    config: Any = module.config
    config.provenance = _provenance(model, ranks, spectra.calibration) | {"rope": rope}
    config.note = _note(model, ranks, getattr(config, "qk_rope_head_dim", 0))
    converted = wrap(module, model.tokenizer, f"{model.name} as MLA")
    progress(f"{model.name} is converted", 1.0)
    return converted


def ranks_for_budget(
    model: AttentionModel,
    bytes_per_token: int,
    texts: str | Sequence[str] | LatentSpectra | None = None,
    *,
    progress: Progress = no_progress,
) -> tuple[int, ...]:
    """Ranks for each layer whose latents take at most that many bytes per token in the model's number format.

    They are shared out by spectrum: the directions that hold most of their layer's energy are kept. Raises BadSelection
    where the budget is under one number per layer or over the full rank of all layers.
    """
    check_source(model)
    elements = budget_elements(model, bytes_per_token)
    spectra = texts if isinstance(texts, LatentSpectra) else latent_spectra(model, texts, progress=progress)
    return share_out(spectra.layers, elements)


def _assembled(model: AttentionModel, ranks: tuple[int, ...], factors: list[Factors]) -> PreTrainedModel:
    """The new module, with copies of all weights that are not replaced by factors."""
    like = next(model.module.parameters())
    state = {
        name: tensor.clone()
        for name, tensor in model.module.state_dict().items()
        if ".k_proj." not in name and ".v_proj." not in name
    }
    for number, made in enumerate(factors):
        path = f"model.layers.{number}.self_attn"
        state[f"{path}.kv_down_proj.weight"] = made.down.to(like)
        state[f"{path}.kv_up_proj.weight"] = made.up.to(like)
        state[f"{path}.kv_up_proj.bias"] = made.bias.to(like)
    config = latent_config(model, ranks)
    with torch.device("meta"):  # nothing is drawn at random and nothing allocated twice
        module = HeadlightMlaForCausalLM(config)
    module.load_state_dict(state, assign=True)
    module.tie_weights()
    module.model.rotary_emb = LlamaRotaryEmbedding(config).to(model.device)  # pyright: ignore[reportArgumentType]
    module.generation_config = copy.deepcopy(model.module.generation_config)
    return module.requires_grad_(False)


def _provenance(model: AttentionModel, ranks: tuple[int, ...], seen: Calibration) -> dict[str, Any]:
    shape = model.geometry
    return {
        "model": model.name,
        "kind": shape.kind,
        "cache_share": sum(ranks) / (shape.layers * shape.kv_heads * (shape.d_head + shape.v_head_dim)),
        "calibration_tokens": seen.tokens,
        "calibration": seen.source,
        "method": "activation-aware low-rank factors, keys weighed by queries and values by W_O, balanced by mean energy",
    }


def _note(model: AttentionModel, ranks: tuple[int, ...], rotary: int) -> str:
    """rotary: how many of the numbers are a rotary key of their own."""
    shape = model.geometry
    before = shape.kv_heads * (shape.d_head + shape.v_head_dim)
    narrow, wide = min(ranks), max(ranks)
    width = f"{wide}" if narrow == wide else f"{narrow} to {wide}"
    if rotary:
        width = f"{wide - rotary} and a rotary key of {rotary}"
    return (
        f"Converted from {model.name}: a latent of {width} numbers a token and layer where keys and values took {before} "
        f"({sum(ranks) / (before * shape.layers):.0%} of its cache)."
    )
