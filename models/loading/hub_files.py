"""Which files of a Hub repository are worth fetching: config, tokenizer, and one set of safetensors."""

import re
from collections.abc import Collection

from models.errors import UnsupportedModel

# The shards of one set, or the single file; not the variants (fp16) nor other exports that lie beside them.
_WEIGHTS = re.compile(r"model(-\d+-of-\d+)?\.safetensors")
_TEXT = re.compile(
    r"[^/]+\.(json|txt|jinja|spm|tiktoken)|tokenizer\.model|[^/]*sentencepiece[^/]*\.model|spiece\.model"
)
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack")


def wanted_files(hub_id: str, names: Collection[str]) -> list[str]:
    """The files to fetch, `config.json` first; UnsupportedModel where there is nothing safe to load."""
    if "config.json" not in names:
        raise UnsupportedModel(_no_config(hub_id, names))
    weights = sorted(name for name in names if _WEIGHTS.fullmatch(name))
    if "model.safetensors" in weights and "model.safetensors.index.json" not in names:
        weights = ["model.safetensors"]
    if not weights:
        raise UnsupportedModel(_no_weights(hub_id, names))
    text = sorted(name for name in names if _TEXT.fullmatch(name) and name != "config.json")
    adapter = sorted({"adapter_config.json", "adapter_model.safetensors"} & set(names))
    return ["config.json", *text, *weights, *(name for name in adapter if name not in text)]


def _no_config(hub_id: str, names: Collection[str]) -> str:
    if any(name.endswith(".gguf") for name in names):
        return (
            f"“{hub_id}” offers several GGUF files: download the one you want into a folder of its own, and "
            "give that folder as the model."
        )
    if "adapter_config.json" in names:
        return (
            f"“{hub_id}” has no config.json: it is an adapter of another model, not a whole one; give the id of the merged "
            "model, or download it into a folder and give that."
        )
    return (
        f"“{hub_id}” has no config.json, so it is no transformers model (an adapter or a data set, "
        "perhaps): give the id of a whole model."
    )


def _no_weights(hub_id: str, names: Collection[str]) -> str:
    if any(name.endswith(_PICKLES) for name in names):
        return (
            f"“{hub_id}” offers its weights only as pickles, which can run code when they are opened: look "
            "for a copy with safetensors, or convert it yourself in a place you trust (save_pretrained "
            "writes safetensors)."
        )
    return (
        f"“{hub_id}” has no weights in its main folder: give the id of a repository with model.safetensors."
    )
