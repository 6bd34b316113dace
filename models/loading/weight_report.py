"""What transformers says of the weights that it read: what was missing, of another size, or not used."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from safetensors import safe_open
from torch import Tensor
from transformers import PreTrainedModel

from models.errors import BrokenWeights, UnsupportedModel
from models.loading.tensor_shapes import weight_files
from models.shape.architecture import Architecture

# Worked out anew by the class; older versions stored them.
_TABLES = ("masked_bias", "inv_freq", "position_ids", "token_type_ids", "cos_cached", "sin_cached")
_BIAS_SWITCHES = ("attention_bias", "mlp_bias", "qkv_bias", "use_bias", "bias")
_MOST_NAMED = 3


def demand_sizes(name: str, module: PreTrainedModel, report: dict[str, Any]) -> None:
    """Raise BrokenWeights where a tensor has another shape than the config says."""
    misfits = sorted(report["mismatched_keys"])
    if misfits:
        key, found, wanted = misfits[0]
        raise BrokenWeights(
            f"The weights of “{name}” do not fit its config: {key} has the shape {list(found)}, but {type(module).__name__} "
            f"takes {list(wanted)} there, and so with {len(misfits)} of its tensors; give the config.json that was saved "
            "with these weights, or choose another model."
        )


def with_trained_parts(
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


def about_unused(name: str, folder: Path, module: PreTrainedModel, report: dict[str, Any]) -> list[str]:
    """A sentence that names the weights which the module does not use, such as another task's head.

    Raises UnsupportedModel where they belong into its layers, for without them the patterns are others.
    """
    unused = [key for key in sorted(report["unexpected_keys"]) if _says_something(folder, key, module)]
    inside = [key for key in unused if _inside(module, key)]
    if inside:
        raise UnsupportedModel(
            f"“{name}” has {len(inside)} weights that transformers' {type(module).__name__} does not use, {inside[0]} among "
            f"them, so its patterns would not be those of the model that was trained: {_advice(module, inside)}."
        )
    if not unused:
        return []
    parts = list(dict.fromkeys(key.rpartition(".")[0] or key for key in unused))
    more = f" and {len(parts) - _MOST_NAMED} more" if len(parts) > _MOST_NAMED else ""
    return [
        f"Of the weights, {type(module).__name__} leaves out {', '.join(parts[:_MOST_NAMED])}{more}, which are no part of its "
        "attention."
    ]


def _advice(module: PreTrainedModel, keys: list[str]) -> str:
    in_mlp = all("mlp" in key for key in keys)
    switches = [
        name
        for name in _BIAS_SWITCHES
        if getattr(module.config, name, None) is False and (name == "mlp_bias") == in_mlp
    ]
    if switches and all(key.endswith(".bias") for key in keys):
        return (
            f"where the biases belong to it, set {' and '.join(switches)} to true in its config.json; otherwise choose "
            "another model"
        )
    return "give the config.json that was saved with these weights, or choose another model"


def _inside(module: PreTrainedModel, key: str) -> bool:
    """Whether a weight belongs into one of the body's parts, and not beside them as a head does."""
    prefix = f"{module.base_model_prefix}."
    parts = {path for path, _ in module.base_model.named_modules() if path}
    steps = key.removeprefix(prefix).split(".")[:-1]
    return any(".".join(steps[:count]) in parts for count in range(1, len(steps) + 1))


def _says_something(folder: Path, key: str, module: PreTrainedModel) -> bool:
    """Whether a tensor is more than a table that is worked out anew, or a bias that adds nothing."""
    if key.endswith(_TABLES):
        return False
    if not key.endswith("bias"):
        return True
    tensor = _stored(folder, key, module.base_model_prefix)
    is_mask = tensor is not None and tensor.ndim == 4
    return tensor is None or not (is_mask or bool((tensor == 0).all()))


def _stored(folder: Path, key: str, prefix: str) -> Tensor | None:
    """A tensor of the weight files, under its name there, which may lack the body's prefix."""
    names = {key, key.removeprefix(f"{prefix}."), f"{prefix}.{key}"}
    for path in weight_files(folder):
        with safe_open(path, framework="pt") as tensors:
            found = names & set(tensors.keys())
            if found:
                return tensors.get_tensor(found.pop())
    return None
