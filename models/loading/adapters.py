"""Adapters (LoRA and its relatives): weights that are added to a base model, in its own folder or in one by themselves."""

from __future__ import annotations

import importlib.util
import json
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from transformers import PreTrainedModel

from models.errors import BrokenWeights, HeadlightError, UnsupportedModel

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def has_adapter(folder: Path) -> bool:
    """Whether an adapter lies in the folder."""
    return (folder / CONFIG).is_file()


def base_of(name: str, folder: Path) -> str:
    """What the adapter in `folder` says its base is; UnsupportedModel where it can't be applied, BrokenWeights where it
    is not sound."""
    base = _read(name, folder).get("base_model_name_or_path")
    if not isinstance(base, str) or not base.strip():
        raise BrokenWeights(
            f"“{name}” is an adapter whose {CONFIG} does not name its base model: give a folder with the base's "
            "config.json and weights beside it."
        )
    demand_peft(name, folder, base)
    return base


def demand_peft(name: str, folder: Path, base: str = "") -> None:
    """Raise UnsupportedModel where the adapter in `folder` cannot be applied: without `peft`, or stored as a pickle."""
    kind = str(_read(name, folder).get("peft_type", "")) or "unnamed"
    what = (
        f"is an adapter of “{base}”, not a whole model"
        if base
        else f"has an adapter beside its weights ({CONFIG})"
    )
    if not (folder / WEIGHTS).is_file():
        raise UnsupportedModel(
            f"“{name}” {what}, and its weights ({WEIGHTS}) are not there: save it again as safetensors, or give its base "
            "model alone."
        )
    if importlib.util.find_spec("peft") is None:
        raise UnsupportedModel(
            f"“{name}” {what} (of the kind {kind}), and the package peft, which applies adapters, is not installed here: "
            "install peft, or give the folder of the merged model (merge_and_unload, then save_pretrained)."
        )


def apply_adapter(name: str, folder: Path, module: PreTrainedModel) -> PreTrainedModel:
    """The module with the adapter in `folder` merged into its weights, by peft. Raises BrokenWeights, UnsupportedModel."""
    from peft import PeftModel  # pyright: ignore[reportMissingImports] - an optional package

    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            adapted = PeftModel.from_pretrained(module, str(folder), local_files_only=True)
        unread = next((str(each.message) for each in warned if "adapter keys" in str(each.message)), "")
        if unread:
            raise BrokenWeights(
                f"The adapter of “{name}” does not fit its base ({unread[:200]}…): give the base that it was trained on."
            )
        if not hasattr(adapted, "merge_and_unload"):
            raise UnsupportedModel(
                f"The adapter of “{name}” is of a kind that cannot be merged into its base: give a LoRA adapter, or the base."
            )
        return cast(PreTrainedModel, adapted.merge_and_unload())
    except HeadlightError:
        raise
    except Exception as error:
        said = str(error).strip().split("\n")[0][:200] or type(error).__name__
        raise BrokenWeights(
            f"The adapter of “{name}” could not be applied to its base ({said}): give the base that it was trained on, or "
            "the merged model."
        ) from None


@contextmanager
def without_adapter(folder: Path) -> Iterator[Path]:
    """The folder as if no adapter lay in it, for transformers would apply it in its own way."""
    if not has_adapter(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="headlight-base-") as scratch:
        for path in folder.iterdir():
            if path.name not in (CONFIG, WEIGHTS):
                (Path(scratch) / path.name).symlink_to(path.resolve())
        yield Path(scratch)


def _read(name: str, folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / CONFIG).read_text("utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise BrokenWeights(f"The {CONFIG} of “{name}” cannot be read ({error}): fetch it again.") from None
    if not isinstance(config, dict):
        raise BrokenWeights(f"The {CONFIG} of “{name}” should hold a JSON object: fetch it again.")
    return config
