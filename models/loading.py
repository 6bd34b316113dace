"""From a name to a model that can be looked at."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from models.architecture import Architecture, architecture
from models.caches.modes import known_mode, prepare, with_cache
from models.errors import BrokenWeights, HeadlightError, UnsupportedModel
from models.geometry import geometry
from models.latents.tap import install_latent_hooks
from models.model import AttentionModel
from models.obtaining.source import find
from models.placement import choose_device, choose_dtype, demand_memory
from models.plan import Plan, find_plan
from models.progress import Progress, no_progress, part
from models.quiet import quiet
from models.removal.record import removed_heads
from models.removal.surgery import smaller_class
from models.tap import engine_name
from models.tokenizer import load_tokenizer


def load(
    name: str,
    device: str = "auto",
    dtype: str = "auto",
    progress: Progress = no_progress,
    cache: str = "auto",
) -> AttentionModel:
    """Load a model of the catalogue, any Hub id (organisation/name), or a local folder or .gguf file.

    device: "auto" (CUDA, then MPS, then CPU), "cpu", "cuda", "cuda:1", "mps". dtype: "auto" (bfloat16 on
    CUDA, float32 elsewhere), "float32", "bfloat16", "float16". The weights come as safetensors or GGUF, never
    as pickles, and no code that came with a model is run. cache: how a model with latent attention keeps its
    past while it writes, "expanded", "latent" or "absorbed"; see `new_cache`. Raises a HeadlightError with one
    sentence that says what to do.
    """
    known_mode(cache)  # before anything is fetched
    place = choose_device(device)
    number = choose_dtype(dtype, place)
    found = find(name, part(progress, 0.0, 0.8))
    progress(f"Loading {name}", 0.8)
    with quiet():
        config = _config(found.folder)
        shape = geometry(config)
        demand_memory(name, found.folder, place, number)
        tokenizer = load_tokenizer(name, found.tokenizer)
        module = _module(name, found.folder, config, number, place)
    progress(f"Looking for the heads of {name}", 0.95)
    prepare(module)
    shape = replace(shape, context=_usable_positions(module, shape.context))
    plan = find_plan(module, module.config)
    install_latent_hooks(module, plan)
    progress(f"{name} is loaded", 1.0)
    note = _note(found.note, module, plan)
    removed = removed_heads(module.config)
    model = AttentionModel(name, module, tokenizer, shape, plan, place, number, note, removed=removed)
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
    `capture_inputs` takes it. cache: as in `load`. Raises UnsupportedModel, BadSelection.
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
    reader = cast(PreTrainedTokenizerBase, tokenizer)
    note, removed = _note("", module, plan), removed_heads(module.config)
    model = AttentionModel(
        name, module, reader, shape, plan, module.device, module.dtype, note, removed=removed
    )
    return with_cache(model, cache)


def _config(folder: Path) -> PreTrainedConfig:
    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:
        raise UnsupportedModel(
            f"{folder}/config.json cannot be read ({_first_line(error)}): fetch the model again, or choose "
            "another."
        ) from None


def _module(
    name: str, folder: Path, config: PreTrainedConfig, dtype: torch.dtype, device: torch.device
) -> PreTrainedModel:
    """The transformers model with its weights, in evaluation mode and without gradients, on its device."""
    kind = architecture(config)
    # Classes that compute their attention themselves accept any name in silence; some then give wrong logits.
    follows_registry = kind.module_class._can_set_attn_implementation()
    loader: Any = smaller_class(kind.module_class, config)  # its declared return type leaves out the report
    try:
        module, report = loader.from_pretrained(
            folder,
            config=config,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            attn_implementation=engine_name(kind.module_class) if follows_registry else "eager",
            output_loading_info=True,
        )
        module = _with_trained_parts(name, module, kind, report)
        if type(module) is loader:  # and not its body alone
            module.__class__ = kind.module_class  # what was taken out of it stays out
        nn.Module.to(module, device)
        return module.eval().requires_grad_(False)
    except HeadlightError:
        raise
    except (torch.OutOfMemoryError, MemoryError):
        raise UnsupportedModel(
            f"“{name}” does not fit into the memory of {device}: choose a smaller model."
        ) from None
    except Exception as error:
        raise BrokenWeights(
            f"The weights of “{name}” do not fit its config ({_first_line(error)}): fetch the model again, "
            "or choose another."
        ) from None


def _with_trained_parts(
    name: str, module: PreTrainedModel, kind: Architecture, report: dict[str, Any]
) -> PreTrainedModel:
    """The module, or its body alone where the weights have no language head: nothing untrained is shown."""
    missing = {key for key in report["missing_keys"] if "pooler" not in key}
    body = f"{module.base_model_prefix}."
    if missing and kind.may_lack_head and not any(key.startswith(body) for key in missing):
        return cast(PreTrainedModel, module.base_model)
    if missing:
        raise BrokenWeights(
            f"The weights of “{name}” lack {len(missing)} tensors that {type(module).__name__} needs, "
            f"{min(missing)} among them: fetch the model again, or choose another."
        )
    return module


def _usable_positions(module: nn.Module, context: int | None) -> int | None:
    """The RoBERTa family counts positions from behind the padding index, so fewer tokens fit than rows."""
    for path, table in module.named_modules():
        if isinstance(table, nn.Embedding) and path.endswith("position_embeddings"):
            padding = table.padding_idx
            return context if padding is None else table.num_embeddings - padding - 1
    return context


def _note(note: str, module: PreTrainedModel, plan: Plan) -> str:
    notes = [note, getattr(module.config, "note", "")]  # of a converted model, what it was made of
    if plan.route == "eager":
        notes.append(
            f"{type(module).__name__} computes its attention itself, so what is shown are the patterns it "
            "reports, and queries and keys cannot be looked at."
        )
    if plan.unseen:
        notes.append(f"The attention of its {' and '.join(plan.unseen)} has another form and is not shown.")
    return " ".join(filter(None, notes))


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:300] or type(error).__name__
