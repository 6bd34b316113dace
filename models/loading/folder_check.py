"""Whether a folder holds a model that can be loaded safely, said before anything heavy starts."""

import json
from pathlib import Path
from typing import Any

import transformers
from safetensors import SafetensorError, safe_open
from transformers.models.auto import modeling_auto as auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from models.errors import BrokenWeights, UnsupportedModel
from models.loading.config_bounds import check_bounds
from models.loading.tensor_shapes import tensor_shapes

_MOST_BYTES = 20_000_000  # of a config.json; the largest published ones have two megabytes
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_LFS_POINTER = b"version https://git-lfs"


def check_folder(name: str, folder: Path) -> None:
    """Raise UnsupportedModel or BrokenWeights where `folder` lacks a usable config or sound safetensors.

    name: what the person asked for, and reads in the message.
    """
    config = read_config(folder)
    _check_type(name, config)
    check_bounds(name, config)
    for weights in _weight_files(folder, config):
        _check_safetensors(weights)
    check_bounds(name, config, len(tensor_shapes(folder)))


def read_config(folder: Path) -> dict[str, Any]:
    """The folder's config.json as it is written. Raises UnsupportedModel or BrokenWeights where there is no sound one."""
    path = folder / "config.json"
    if not path.is_file():
        raise UnsupportedModel(
            f"{folder} has no config.json: give the folder that save_pretrained wrote, or one with a single "
            ".gguf file."
        )
    if path.stat().st_size > _MOST_BYTES:
        raise UnsupportedModel(
            f"{path} has {path.stat().st_size / 1e6:,.0f} MB, but no more than {_MOST_BYTES / 1e6:.0f} are read: choose "
            "another model."
        )
    try:
        config = json.loads(path.read_text("utf-8"))
    except RecursionError:
        raise BrokenWeights(f"{path} is nested too deeply to be read: fetch the model again.") from None
    except ValueError as error:
        raise BrokenWeights(f"{path} is not valid JSON ({error}): fetch the model again.") from None
    if not isinstance(config, dict):
        raise BrokenWeights(
            f"{path} should hold a JSON object, but holds a {type(config).__name__}: fetch it again."
        )
    return config


def _check_type(name: str, config: dict[str, Any]) -> None:
    kind = config.get("model_type")
    if kind is not None and not isinstance(kind, str):
        raise BrokenWeights(
            f"The config.json of “{name}” should name its model_type in words, but holds a {type(kind).__name__} there: "
            "fetch it again."
        )
    if kind in CONFIG_MAPPING:
        _check_unquantised(name, config.get("quantization_config"))
        return
    if config.get("auto_map"):
        raise UnsupportedModel(
            f"“{name}” comes with its own Python code, which is never run here (trust_remote_code): choose "
            "a model whose class is part of transformers."
        )
    if kind:
        raise UnsupportedModel(
            f"“{name}” is of the type “{kind}”, which this version of transformers does not know: choose "
            "another model."
        )
    raise UnsupportedModel(
        f"The config.json of “{name}” names no model_type, so it is no transformers model: choose another folder."
    )


def _check_unquantised(name: str, section: Any) -> None:
    """Many tools write the section with nothing in it for weights that are not quantised."""
    if not section:
        return
    method = section.get("quant_method") if isinstance(section, dict) else section
    raise UnsupportedModel(
        f"“{name}” is stored quantised ({method or 'by an unnamed method'}), which is not supported: choose its "
        "unquantised weights, or a GGUF file."
    )


def _weight_files(folder: Path, config: dict[str, Any]) -> list[Path]:
    """The safetensors that transformers will open: one file, or the shards of an index."""
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.is_file():
        return [single]
    if not index.is_file():
        raise UnsupportedModel(_no_weights(folder, config))
    try:
        names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise BrokenWeights(f"{index} cannot be read ({error}): fetch the model again.") from None
    if not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise BrokenWeights(f"{index} names files outside of its folder: fetch the model again.")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise BrokenWeights(
            f"{folder} lacks {len(missing)} of {len(names)} weight files, {missing[0]} among them: finish "
            "the download."
        )
    return [folder / name for name in names]


def _no_weights(folder: Path, config: dict[str, Any]) -> str:
    if any(next(folder.glob(pattern), None) for pattern in _PICKLES):
        return (
            f"{folder} has its weights only as a pickle, which can run code when it is opened: convert it "
            f"in a place you trust, with transformers.{_own_class(config)}.from_pretrained(folder).save_pretrained(folder), "
            "which writes model.safetensors."
        )
    return (
        f"{folder} has a config.json but no weights: model.safetensors, or its shards with an index, was "
        "expected."
    )


def _own_class(config: dict[str, Any]) -> str:
    """The class that keeps all of a checkpoint: AutoModel would leave out the head, and write the rest alone."""
    named = config.get("architectures")
    own = (
        [name for name in named or () if isinstance(name, str) and hasattr(transformers, name)]
        if isinstance(named, list)
        else []
    )
    if own:
        return own[0]
    kind = config.get("model_type")
    with_head = (
        ("AutoModelForSeq2SeqLM", auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES),
        ("AutoModelForMaskedLM", auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES),
        ("AutoModelForCausalLM", auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES),
    )
    return next((name for name, types in with_head if kind in types), "AutoModel")


def _check_safetensors(path: Path) -> None:
    """Reading the header finds a truncated or overwritten file, because it states where the data must end."""
    try:
        with path.open("rb") as file:
            if file.read(len(_LFS_POINTER)) == _LFS_POINTER:
                raise BrokenWeights(
                    f"{path} is only a Git LFS pointer, not the weights: run “git lfs pull” in its folder."
                )
        with safe_open(path, framework="pt") as tensors:
            tensors.keys()
    except (SafetensorError, OSError) as error:
        raise BrokenWeights(
            f"{path} cannot be read as safetensors ({error}): it is damaged or was only half downloaded; "
            "fetch it again."
        ) from None
