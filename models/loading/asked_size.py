"""What a config asks for, against what its weight files hold: by arithmetic, before any number is read."""

from __future__ import annotations

import copy
from math import prod
from pathlib import Path

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel

from models.errors import BrokenWeights, HeadlightError, UnsupportedModel
from models.loading.tensor_shapes import parameters
from models.run.default_dtype import default_dtype_changed

# A language head may be absent in the files and is then not kept. It is as large as the embedding that is there, so twice.
_TIMES = 2
_SPARE = 2**24  # poolers and the like of tiny models
# Tables that are worked out and not stored (rotations, masks) are small beside the weights, or small altogether.
_TABLES_BYTES = 2**30


def demand_fit(
    name: str, folder: Path, config: PreTrainedConfig, module_class: type[PreTrainedModel]
) -> None:
    """Raise BrokenWeights or UnsupportedModel where the config asks for far more numbers than the files in `folder` hold.

    The class is made as a skeleton, which has shapes and no numbers.
    """
    skeleton = _skeleton(name, config, module_class)
    asked = sum(prod(weight.shape) for weight in skeleton.parameters())
    held = parameters(folder)
    if asked > _TIMES * held + _SPARE:
        raise BrokenWeights(
            f"The config of “{name}” asks for {asked:,} parameters, but its weight files hold {held:,}: one of them "
            "belongs to another model; fetch it again, or choose another."
        )
    tables = sum(buffer.numel() * buffer.element_size() for buffer in skeleton.buffers())
    if tables > _TABLES_BYTES + 4 * held:
        raise UnsupportedModel(
            f"The config of “{name}” asks for tables of {tables / 1e9:,.0f} GB beside its weights, as a text of "
            "millions of tokens would need: correct its number of positions, or choose another model."
        )


def _skeleton(name: str, config: PreTrainedConfig, module_class: type[PreTrainedModel]) -> nn.Module:
    try:
        with torch.device("meta"), default_dtype_changed(torch.float32):
            # Not the kind of attention that the config may name, which need not be installed; `load` sets its own.
            return module_class._from_config(
                copy.deepcopy(config), attn_implementation="eager", dtype=torch.float32
            )
    except HeadlightError:
        raise
    except Exception as error:
        said = str(error).strip().split("\n")[0][:200] or type(error).__name__
        raise UnsupportedModel(
            f"The numbers in the config of “{name}” do not make a {module_class.__name__} ({said}): check them against the "
            "model's own config.json, or choose another model."
        ) from None
