"""One attention module run again with the norms inside of it held fixed: queries and keys are linear in what it reads then.

The model's own code does the work, so projections, grouping, latents (MLA) and rotary embedding need no rule for any class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn

from models.private_copy import private_copy
from models.run.attention_call import AttentionCall
from models.run.model import AttentionModel
from models.run.named_parts import named_parts
from models.run.records import FinishedPatterns
from models.run.tap import Tap, tapped
from models.why.fixed_norm import FixedNorm, measured_norm
from models.why.watching import Arguments, Heard, same


@dataclass(eq=False)
class FixedAttention:
    """The attention module of one call of one pass. heard: that call. norms: those inside, by path, as they were in it,
    one for each time that the module was called."""

    model: AttentionModel
    heard: Heard
    norms: dict[str, list[FixedNorm]] = field(init=False, default_factory=dict[str, list[FixedNorm]])

    def __post_init__(self) -> None:
        self._module = private_copy(self.model.module.get_submodule(self.heard.path))
        self._given = self.heard.given.clone()
        self._find_norms()

    def call(self, given: Tensor) -> AttentionCall:
        """Queries and keys that the module makes of another input [pos, d_model]; gradients are kept."""
        hooks = [
            self._module.get_submodule(path).register_forward_hook(_fixed(norms))
            for path, norms in self.norms.items()
        ]
        try:
            return self._run(given)
        finally:
            for hook in hooks:
                hook.remove()

    def _run(self, given: Tensor) -> AttentionCall:
        seen: list[AttentionCall] = []

        def observe(_: nn.Module, call: AttentionCall | FinishedPatterns, __: Tensor) -> None:
            assert isinstance(call, AttentionCall)
            seen.append(call)

        args, kwargs = _with_given(self.heard, given)
        with tapped(Tap(observer=observe)):
            self._module(*args, **kwargs)
        return seen[0]

    @torch.no_grad()
    def _find_norms(self) -> None:
        """Watch the module at its own input; what behaves as a norm there is one."""
        heard: list[tuple[str, Tensor, Tensor]] = []

        def listener(path: str) -> Any:
            def listen(_: nn.Module, args: tuple[Any, ...], output: Any) -> None:
                if args and isinstance(args[0], Tensor) and isinstance(output, Tensor):
                    heard.append((path, args[0], output))

            return listen

        leaves = [
            (path, part) for path, part in named_parts(self._module) if path and not list(part.children())
        ]
        hooks = [part.register_forward_hook(listener(path)) for path, part in leaves]
        try:
            self._run(self._given)
        finally:
            for hook in hooks:
                hook.remove()
        for path, given, made in heard:
            part = self._module.get_submodule(path)
            if given.shape != made.shape or not given.is_floating_point() or same(given, made):
                continue
            rows = [one.reshape(-1, one.shape[-1]).clone() for one in (given, made)]
            if (norm := measured_norm(part, *rows)) is not None:
                self.norms.setdefault(path, []).append(norm)


def _fixed(norms: Sequence[FixedNorm]) -> Any:
    """A hook that puts the fixed norms in the module's place, one call after the other."""
    left = iter(norms)

    def hook(_: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor:
        given, norm = cast(Tensor, args[0]), next(left)
        rows = given.reshape(-1, given.shape[-1])
        return (norm.linear(rows) + norm.bias).view(given.shape).to(output.dtype)

    return hook


def _with_given(heard: Heard, given: Tensor) -> Arguments:
    """The call's arguments as they were, but for the vectors that it read, wherever they stand (CTRL: three times)."""

    def copied(value: Any) -> Any:
        if isinstance(value, Tensor):
            reads = value.shape[-1] == given.shape[-1] and value.numel() == given.numel()
            if reads and same(value.reshape(given.shape), heard.given):
                return given.to(value.dtype).view(value.shape)
            return value.clone()  # made under inference mode, which allows no gradients
        if isinstance(value, tuple):
            return tuple(copied(one) for one in cast(tuple[Any, ...], value))
        if isinstance(value, Mapping):
            return {name: copied(one) for name, one in cast(Mapping[str, Any], value).items()}
        return value

    assert heard.arguments is not None
    args, kwargs = heard.arguments
    return tuple(copied(one) for one in args), {name: copied(one) for name, one in kwargs.items()}
