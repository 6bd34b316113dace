"""From a name to a model that can be looked at."""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from models.errors import BrokenWeights, HeadlightError, UnsupportedModel
from models.loading.adapters import apply_adapter, without_adapter
from models.loading.asked_size import demand_fit
from models.loading.folder_check import read_config
from models.loading.placement import choose_device, choose_dtype, demand_memory
from models.loading.pruned_heads import take_over_pruned_heads
from models.loading.source import Found, find
from models.loading.tokenizer import load_tokenizer
from models.loading.unread_settings import looks_both_ways, unknown_class, unread
from models.loading.weight_report import about_unused, demand_sizes, with_trained_parts
from models.panics import panics_told
from models.progress import Progress, no_progress, part
from models.quiet_transformers import quiet_transformers
from models.run.about_model import about_head, about_tokens
from models.run.cache_modes import known_mode, prepare, with_cache
from models.run.default_dtype import default_dtype_changed
from models.run.head_surgery import smaller_class
from models.run.latent_tap import install_latent_hooks
from models.run.model import AttentionModel
from models.run.plan import Plan, find_plan
from models.run.tap import engine_name
from models.shape.architecture import Architecture, Role, architecture
from models.shape.attention_geometry import geometry
from models.shape.removed_heads import removed_heads

_SECTIONS = ("auto_map", "quantization_config")


def load(
    name: str | Path,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    cache: str = "auto",
    *,
    progress: Progress = no_progress,
) -> AttentionModel:
    """Load a model of the catalogue, any Hub id (organisation/name), or a local folder or .gguf file.

    device: "auto" (CUDA, then MPS, then CPU), "cpu", "cuda", "cuda:1", "mps". dtype: "auto" (bfloat16 on CUDA, float32
    elsewhere), "float32", "bfloat16", "float16". Either may be PyTorch's own. The weights come as safetensors or GGUF, never
    as pickles, and no code that came with a model is run. cache: how a model with latent attention keeps its past while it
    writes, "expanded", "latent" or "absorbed"; see `new_cache`. Raises a HeadlightError with one sentence that says what to do.
    """
    name = str(name)
    known_mode(cache)  # before anything is fetched
    place = choose_device(device)
    number = choose_dtype(dtype, place)
    found = find(name, part(progress, 0.0, 0.8))
    progress(f"Loading {name}", 0.8)
    with quiet_transformers():
        written = read_config(found.folder)
        config = _config(found.folder, written)
        pruned = take_over_pruned_heads(name, config, written)
        shape = geometry(config)
        kind = architecture(config)
        told = [
            *unknown_class(written, kind.module_class),
            *unread(name, found.folder, written, kind.module_class),
        ]
        demand_memory(name, found.folder, place, number)
        tokenizer = load_tokenizer(name, found.tokenizer, config if _empty_sections(written) else None)
        module, unused = _module(name, found, config, number, place)
    progress(f"Looking for the heads of {name}", 0.95)
    prepare(module)
    shape = replace(shape, context=_usable_positions(module, shape.context))
    plan = find_plan(module, module.config)
    install_latent_hooks(module, plan)
    role, way = _role(name, shape.role, plan, looks_both_ways(written))
    progress(f"{name} is loaded", 1.0)
    notes = (
        found.note,
        pruned,
        way,
        *told,
        *unused,
        about_head(module, role),
        about_tokens(tokenizer, module),
    )
    model = AttentionModel(
        name,
        module,
        tokenizer,
        replace(shape, role=role),
        plan,
        place,
        number,
        _note(notes, module, plan),
        removed=removed_heads(module.config),
    )
    return with_cache(model, cache)


def wrap(
    module: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase | None = None,
    name: str = "",
    cache: str = "auto",
) -> AttentionModel:
    """A transformers model that is in memory already, ready to be looked at.

    From then on its attention runs through the engine, and it stands in evaluation mode; a class that computes its attention
    itself runs its eager one. It is compared with transformers' eager attention as `load` does. Without a tokenizer only
    `models.look.capturing.capture_inputs` takes it. cache: as in `load`. Raises UnsupportedModel, BadSelection.
    """
    module.eval()
    if module._can_set_attn_implementation():
        module.set_attn_implementation(engine_name(type(module)))
    prepare(module)
    shape = geometry(module.config)
    shape = replace(shape, context=_usable_positions(module, shape.context))
    plan = find_plan(module, module.config)
    install_latent_hooks(module, plan)
    name = name or type(module).__name__
    note, removed = _note((), module, plan), removed_heads(module.config)
    model = AttentionModel(
        name, module, tokenizer, shape, plan, module.device, module.dtype, note, removed=removed
    )
    return with_cache(model, cache)


def _config(folder: Path, written: dict[str, Any]) -> PreTrainedConfig:
    """The config as transformers reads it. written: its config.json, whose empty sections transformers stumbles over."""
    empty = _empty_sections(written)
    try:
        if empty:
            kept = {key: value for key, value in written.items() if key not in empty}
            return CONFIG_MAPPING[written["model_type"]].from_dict(kept)
        return AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:
        raise UnsupportedModel(
            f"{folder}/config.json cannot be read ({_last_line(error)}): correct it against the model's own config.json, or "
            "choose another model."
        ) from None


def _empty_sections(written: dict[str, Any]) -> set[str]:
    return {key for key in _SECTIONS if key in written and not written[key]}


def _module(
    name: str, found: Found, config: PreTrainedConfig, dtype: torch.dtype, device: torch.device
) -> tuple[PreTrainedModel, list[str]]:
    """The transformers model with its weights, in evaluation mode and without gradients, on its device; and a sentence
    about weights that it does not use."""
    kind = architecture(config)
    loader: Any = smaller_class(kind.module_class, config)  # its declared return type leaves out the report
    demand_fit(name, found.folder, config, loader)
    try:
        with panics_told(f"Reading the weights of “{name}”", BrokenWeights):
            module, report = _read(found.folder, loader, kind, config, dtype)
        demand_sizes(name, module, report)
        module = with_trained_parts(name, module, kind, report)
        unused = about_unused(name, found.folder, module, report)
        if type(module) is loader:  # and not its body alone
            module.__class__ = kind.module_class  # what was taken out of it stays out
        if found.adapter is not None:
            module = apply_adapter(name, found.adapter, module)
        nn.Module.to(module, device)
        return module.eval().requires_grad_(False), unused
    except HeadlightError:
        raise
    except (torch.OutOfMemoryError, MemoryError):
        raise UnsupportedModel(
            f"“{name}” does not fit into the memory of {device}: choose a smaller model."
        ) from None
    except Exception as error:
        raise BrokenWeights(
            f"“{name}” cannot be opened by transformers' {kind.module_class.__name__} ({type(error).__name__}: "
            f"{_first_line(error)}): fetch the model again, or choose another."
        ) from None


def _read(
    folder: Path, loader: Any, kind: Architecture, config: PreTrainedConfig, dtype: torch.dtype
) -> tuple[PreTrainedModel, dict[str, Any]]:
    """The model as transformers reads it, and its report of what it found."""
    # Classes that compute their attention themselves accept any name in silence; some then give wrong logits.
    follows_registry = kind.module_class._can_set_attn_implementation()
    with without_adapter(folder) as base, default_dtype_changed(dtype):
        return loader.from_pretrained(
            base,
            config=config,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            attn_implementation=engine_name(kind.module_class) if follows_registry else "eager",
            ignore_mismatched_sizes=True,  # `demand_sizes` says in our words which do not fit
            output_loading_info=True,
        )


def _role(name: str, role: Role, plan: Plan, said: str) -> tuple[Role, str]:
    """The role that the model's own attention shows, and a sentence where its config says that it looks both ways.

    said: the config's entry by which it does, "" where there is none.
    """
    if role != "decoder":
        return role, ""
    if plan.stacks == ("encoder",):
        by = f", as its config says ({said})" if said else ""
        return "encoder", f"It attends to later tokens too{by}, so it predicts no next token."
    if said:
        raise UnsupportedModel(
            f"The config of “{name}” says {said}, so it attends to later tokens too, but transformers' class for its type "
            "looks back only: its patterns would be wrong; choose another model."
        )
    return role, ""


def _usable_positions(module: nn.Module, context: int | None) -> int | None:
    """The RoBERTa family counts positions from behind the padding index, so fewer tokens fit than rows."""
    for path, table in module.named_modules():
        if isinstance(table, nn.Embedding) and path.endswith("position_embeddings"):
            padding = table.padding_idx
            return context if padding is None else table.num_embeddings - padding - 1
    return context


def _note(told: Iterable[str], module: PreTrainedModel, plan: Plan) -> str:
    notes = [*told, getattr(module.config, "note", "")]  # of a converted model, what it was made of
    if plan.route == "eager":
        notes.append(
            f"{type(module).__name__} computes its attention itself, so what is shown are the patterns it "
            "reports, and queries and keys cannot be looked at."
        )
    if plan.unseen:
        notes.append(f"The attention of its {' and '.join(plan.unseen)} has another form and is not shown.")
    return " ".join(filter(None, notes))


def _last_line(error: Exception) -> str:
    """Where a config is not sound, transformers' reason stands there, behind the name of an exception."""
    said = re.sub(r"^\w+: ", "", str(error).strip().split("\n")[-1].strip())[:300].rstrip(".")
    return said or type(error).__name__


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:300] or type(error).__name__
