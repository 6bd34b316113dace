"""Classes that compute their attention themselves, past transformers' registry: brought to what they report of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel

from models.errors import UnsupportedModel
from models.run.eager import eager_patterns
from models.run.forward_pass import forward_pass

# Of the largest number: two ways to compute one thing in float32 and in half precision, and one way computed twice.
AGREES, HALF_AGREES, SAME = 1e-3, 5e-2, 1e-6


def use_eager(module: PreTrainedModel, inputs: dict[str, Tensor]) -> None:
    """Have such a module run its eager attention, as `load` asks for, since no other reports its patterns as they are.

    Raises UnsupportedModel where its output is another one then: the class decides when it is made.
    """
    whole: Any = module.config
    was = whole._attn_implementation
    if was == "eager":
        return
    before, configs = _output(module, inputs), _configs(module)
    for config in configs:
        config._attn_implementation = "eager"  # pyright: ignore[reportPrivateUsage]
    if _near(before, _output(module, inputs), _tolerance(module)):
        return
    for config in configs:
        config._attn_implementation = was  # pyright: ignore[reportPrivateUsage]
    raise UnsupportedModel(
        f"{type(module).__name__} computes its attention itself and was made for “{was}”, of which it does not report what "
        'each head does: load it with attn_implementation="eager".'
    )


def _configs(module: PreTrainedModel) -> list[PreTrainedConfig]:
    """Of all its parts, each once."""
    found = (getattr(part, "config", None) for part in module.modules())
    return list({id(config): config for config in found if isinstance(config, PreTrainedConfig)}.values())


def demand_truthful(module: PreTrainedModel, inputs: dict[str, Tensor], output: Any) -> None:
    """Raise UnsupportedModel where the pass that reports patterns (`output`) is not the one that the model makes otherwise."""
    if not _near(_output(module, inputs), _head_or_body(output), _tolerance(module)):
        raise UnsupportedModel(
            f"{type(module).__name__} computes something else when it reports its attention than it does otherwise, so what it "
            "reports is not shown; choose another model."
        )
    if not module.config.is_encoder_decoder:
        _demand_no_look_ahead(module, inputs, output)


def _demand_no_look_ahead(module: PreTrainedModel, inputs: dict[str, Tensor], output: Any) -> None:
    """Raise UnsupportedModel where attention to later tokens is reported though none of them changes the output."""
    ahead = any(
        bool((torch.triu(pattern, diagonal=1) > 1e-6).any()) for pattern in eager_patterns(output, "decoder")
    )
    if not ahead:
        return
    last = inputs["input_ids"][:, -1:]
    other = torch.where(last > 0, last - 1, last + 1)
    changed = inputs | {"input_ids": torch.cat([inputs["input_ids"][:, :-1], other], dim=1)}
    earlier = _output(module, inputs)[:, :-1], _output(module, changed)[:, :-1]
    if _near(*earlier, SAME):
        raise UnsupportedModel(
            f"{type(module).__name__} reports attention to later tokens, but no later token changes what it makes of earlier "
            "ones, so its patterns are not what it computes and are not shown; choose another model."
        )


def _output(module: PreTrainedModel, inputs: dict[str, Tensor]) -> Tensor:
    return _head_or_body(forward_pass(module, inputs))


def _head_or_body(output: Any) -> Tensor:
    """Logits, or the last hidden states [batch, pos, width]."""
    logits = getattr(output, "logits", None)
    return output[0] if logits is None else logits


def _tolerance(module: PreTrainedModel) -> float:
    return AGREES if module.dtype == torch.float32 else HALF_AGREES


def _near(one: Tensor, other: Tensor, share: float) -> bool:
    return bool((one.float() - other.float()).abs().max() <= share * one.float().abs().max())
