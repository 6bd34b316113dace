"""One pass through a model's own modules, with what each of them read and made.

The hooks hang on a copy of the modules over the same weights: nobody else's run meets them, and none is left behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from models.look.captured import Capture
from models.look.capturing import capture_with_logits
from models.private_copy import private_copy
from models.run.inputs import Encoded
from models.run.model import AttentionModel
from models.run.named_parts import named_parts


@dataclass(frozen=True, slots=True)
class Heard:
    """One call of one module: its path in the model, what it read first and what it made of it, [pos, width] each."""

    path: str
    given: Tensor
    made: Tensor


@dataclass(frozen=True, slots=True)
class Watched:
    """A pass: its capture, its logits [pos, vocab], None without a language head, and the calls in the order they ended."""

    run: Capture
    logits: Tensor | None
    calls: tuple[Heard, ...]


def watched_pass(model: AttentionModel, encoded: Encoded, width: int, head: str | None) -> Watched:
    """Run a text and keep every call that makes one vector of `width` a position, and that of the language head."""
    module = cast(PreTrainedModel, private_copy(model.module))
    calls: list[Heard] = []
    for path, part in named_parts(module):
        if path:
            part.register_forward_hook(
                _listener(calls, path, None if path == head else width), with_kwargs=True
            )
    run, logits = capture_with_logits(replace(model, module=module), encoded)
    return Watched(run, logits, tuple(calls))


def _listener(calls: list[Heard], path: str, width: int | None) -> Callable[..., None]:
    def listen(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        given = _first_vectors((*args, *kwargs.values()))
        made = _first_vectors(output if isinstance(output, tuple) else (output,))
        if given is None or made is None or width not in (None, made.shape[-1]):
            return
        calls.append(Heard(path, given.reshape(-1, given.shape[-1]), made.reshape(-1, made.shape[-1])))

    return listen


def _first_vectors(values: Iterable[Any]) -> Tensor | None:
    """The first that is one text's vectors: [1, pos, width], or [pos, width] inside of experts."""
    vectors = (
        one for one in values if isinstance(one, Tensor) and one.is_floating_point() and one.ndim in (2, 3)
    )
    return next(vectors, None)


def same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors hold the same numbers; most often they are one."""
    if one.shape != other.shape:
        return False
    return one.data_ptr() == other.data_ptr() or torch.equal(one, other)
