"""One pass through a model's own modules, with what each of them read and made.

The hooks hang on a copy of the modules over the same weights: nobody else's run meets them, and none is left behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
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

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Heard:
    """One call of one module: its path in the model, what it read first and what it made of it, [pos, width] each.

    arguments: all that it was called with, positional and named; kept of attention modules alone.
    """

    path: str
    given: Tensor
    made: Tensor
    arguments: Arguments | None = None


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
    callers = {site.module for site in model.plan.sites}
    for path, part in named_parts(module):
        if path:
            listener = _listener(calls, path, None if path == head else width, path in callers)
            part.register_forward_hook(listener, with_kwargs=True)
    run, logits = capture_with_logits(replace(model, module=module), encoded)
    return Watched(run, logits, tuple(calls))


def _listener(calls: list[Heard], path: str, width: int | None, keeps: bool) -> Callable[..., None]:
    def listen(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        given = first_vectors((*args, *kwargs.values()))
        made = first_vectors(output if isinstance(output, tuple) else (output,))
        if given is None or made is None or width not in (None, made.shape[-1]):
            return
        given, made = given.reshape(-1, given.shape[-1]), made.reshape(-1, made.shape[-1])
        calls.append(Heard(path, given, made, (args, kwargs) if keeps else None))

    return listen


def first_vectors(values: Iterable[Any]) -> Tensor | None:
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


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Every tensor in a call's arguments."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from tensors_in(tuple(cast(Mapping[str, Any], value).values()))
    elif isinstance(value, tuple | list):
        for one in cast(tuple[Any, ...], value):
            yield from tensors_in(one)
