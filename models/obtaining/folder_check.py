"""Whether a folder holds a model that can be loaded safely, said before anything heavy starts."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from models.errors import BrokenWeights, UnsupportedModel

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_LFS_POINTER = b"version https://git-lfs"


def check_folder(name: str, folder: Path) -> None:
    """Raise UnsupportedModel or BrokenWeights where `folder` lacks a usable config or sound safetensors.

    name: what the person asked for, and reads in the message.
    """
    config = _read_config(folder)
    _check_type(name, config)
    for weights in _weight_files(folder):
        _check_safetensors(weights)


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise UnsupportedModel(
            f"{folder} has no config.json: give the folder that save_pretrained wrote, or one with a single "
            ".gguf file."
        )
    try:
        config = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise BrokenWeights(f"{path} is not valid JSON ({error}): fetch the model again.") from None
    if not isinstance(config, dict):
        raise BrokenWeights(
            f"{path} should hold a JSON object, but holds a {type(config).__name__}: fetch it again."
        )
    return config


def _check_type(name: str, config: dict[str, Any]) -> None:
    kind = config.get("model_type")
    if kind in CONFIG_MAPPING:
        if "quantization_config" in config:
            method = config["quantization_config"].get("quant_method", "an unnamed method")
            raise UnsupportedModel(
                f"“{name}” is stored quantised ({method}), which is not supported: choose its unquantised "
                "weights, or a GGUF file."
            )
        return
    if "auto_map" in config:
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


def _weight_files(folder: Path) -> list[Path]:
    """The safetensors that transformers will open: one file, or the shards of an index."""
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.is_file():
        return [single]
    if not index.is_file():
        raise UnsupportedModel(_no_weights(folder))
    try:
        names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, AttributeError) as error:
        raise BrokenWeights(f"{index} cannot be read ({error}): fetch the model again.") from None
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise BrokenWeights(
            f"{folder} lacks {len(missing)} of {len(names)} weight files, {missing[0]} among them: finish "
            "the download."
        )
    return [folder / name for name in names]


def _no_weights(folder: Path) -> str:
    if any(next(folder.glob(pattern), None) for pattern in _PICKLES):
        return (
            f"{folder} has its weights only as a pickle, which can run code when it is opened: convert it "
            "in a place you trust, with AutoModel.from_pretrained(folder).save_pretrained(folder), which "
            "writes model.safetensors."
        )
    return (
        f"{folder} has a config.json but no weights: model.safetensors, or its shards with an index, was "
        "expected."
    )


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
