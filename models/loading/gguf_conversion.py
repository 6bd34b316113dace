"""A GGUF file turned once into a folder of safetensors, which loads in a fraction of the time."""

from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from gguf import GGUFReader, dequantize
from tokenizers import Tokenizer, pre_tokenizers
from transformers import AutoConfig, AutoTokenizer, PreTrainedConfig, PreTrainedModel
from transformers.modeling_gguf_pytorch_utils import (
    TENSOR_PROCESSORS,
    TensorProcessor,
    get_gguf_hf_weights_map,
)

from models.errors import BrokenWeights, HeadlightError, UnsupportedModel
from models.progress import Progress, part
from models.quiet_transformers import quiet_transformers
from models.shape.architecture import architecture

# Dequantised weights are float32 numbers, and the CPU computes in float32: written as such they load without
# a cast and lose nothing. Beyond this many parameters that would fill a disk, and bfloat16 is precise enough
# for numbers that were rounded to a few bits before.
_FLOAT32_PARAMETERS = 1_000_000_000

# Pre-tokenizers that llama.cpp splits digit by digit first; transformers' reader drops that step.
_DIGIT_SPLITTING = {"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"}


def convert(gguf: Path, folder: Path, progress: Progress) -> None:
    """Write config.json, model.safetensors, tokenizer.json and tokenizer_config.json of `gguf` into `folder`.

    Weights are written as float32 (bfloat16 above a billion parameters), tied embeddings once. Raises
    BrokenWeights where the file cannot be read, UnsupportedModel where its architecture is not known.
    """
    try:
        with quiet_transformers():
            progress(f"Reading {gguf.name}", 0.0)
            config = AutoConfig.from_pretrained(gguf.parent, gguf_file=gguf.name)
            reader = GGUFReader(gguf)
            _convert_weights(reader, config, part(progress, 0.3, 0.7)).save_pretrained(folder)
            progress(f"Converting the tokenizer of {gguf.name}", 0.75)
            _convert_tokenizer(reader, gguf, folder)
            progress(f"{gguf.name} is converted", 1.0)
    except HeadlightError:
        raise
    except Exception as error:
        _explain(gguf, error)


def _convert_weights(reader: GGUFReader, config: PreTrainedConfig, progress: Progress) -> PreTrainedModel:
    module_class = architecture(config).module_class
    with torch.device("meta"):
        module = module_class(config)
    many = sum(weight.numel() for weight in module.parameters()) > _FLOAT32_PARAMETERS
    tensors = _dequantised(reader, module, torch.bfloat16 if many else torch.float32, progress)
    missing = set(module.load_state_dict(tensors, strict=False, assign=True).missing_keys)
    if config.tie_word_embeddings:
        missing -= set(module._tied_weights_keys or ())
        module.tie_weights()
    if missing:
        raise BrokenWeights(
            f"The GGUF file lacks {len(missing)} of the model's tensors, {min(missing)} among them: fetch "
            "it again, or use the model's safetensors."
        )
    return module


def _dequantised(
    reader: GGUFReader, module: PreTrainedModel, dtype: torch.dtype, progress: Progress
) -> dict[str, torch.Tensor]:
    """Every tensor of the file under its transformers name, put back into transformers' layout."""
    kind = reader.fields["general.architecture"].contents()
    processor = TENSOR_PROCESSORS.get(kind, TensorProcessor)(config=module.config.to_dict())
    names = get_gguf_hf_weights_map(module, processor)
    parsed: dict[str, Any] = {
        "tensors": {}
    }  # processors of expert weights put what they gather in here themselves
    for done, tensor in enumerate(reader.tensors):
        progress("Converting the weights from GGUF", done / len(reader.tensors))
        result = processor.process(
            weights=dequantize(tensor.data, tensor.tensor_type),
            name=tensor.name,
            tensor_key_mapping=names,
            parsed_parameters=parsed,
        )
        if result.name in names:
            parsed["tensors"][names[result.name]] = torch.from_numpy(np.copy(result.weights)).to(dtype)
    return parsed["tensors"]


def _convert_tokenizer(reader: GGUFReader, gguf: Path, folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    fields = reader.fields
    kind = fields.get("tokenizer.ggml.pre")
    if kind is not None and kind.contents() in _DIGIT_SPLITTING:
        split_digits(tokenizer.backend_tokenizer)
    length = next(
        (field.contents() for name, field in fields.items() if name.endswith(".context_length")), None
    )
    if isinstance(length, int):
        tokenizer.model_max_length = length
    tokenizer.save_pretrained(folder)


def split_digits(tokenizer: Tokenizer) -> None:
    """Make every digit a token of its own, as the model was trained, before the byte-level splitting."""
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(  # pyright: ignore[reportAttributeAccessIssue]
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )


def _explain(gguf: Path, error: Exception) -> NoReturn:
    if "not supported" in str(error) or isinstance(error, NotImplementedError):
        raise UnsupportedModel(
            f"{gguf.name} holds an architecture that transformers cannot read from GGUF ({error}): use the "
            "model's safetensors instead."
        ) from None
    raise BrokenWeights(
        f"{gguf.name} cannot be read as a GGUF file ({type(error).__name__}: {error}): fetch it again, or "
        "use the model's safetensors."
    ) from None
