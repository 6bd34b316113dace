"""Let a run become many where it must: one row goes in, and a row for each of many runs comes out of an output projection.

What stands before the projection is then computed once for all runs. It works for models whose blocks only add and
normalise behind it, and whoever uses it compares with a whole run first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn

from models.run.interventions import Gate

Change = Callable[[Tensor], Tensor]


@contextmanager
def pre_hooks(module: nn.Module, hooks: Iterable[tuple[str, Change]]) -> Iterator[None]:
    """Change the first argument of parts of a module, which are given by name, for a while."""
    with ExitStack() as stack:
        for name, change in hooks:

            def hook(_: nn.Module, given: tuple[Any, ...], change: Any = change) -> tuple[Any, ...]:
                return (change(given[0]), *given[1:])

            stack.callback(module.get_submodule(name).register_forward_pre_hook(hook).remove)
        yield


def open_rows(gate: Gate, heads: int) -> Change:
    """From what heads put out together, [1, pos, head * d_value], to a row for each row of the gate."""

    def change(joined: Tensor) -> Tensor:
        if joined.ndim != 3 or len(joined) != 1:
            raise ValueError(f"expected the heads of one text [1, pos, head * d_value], got {joined.shape}")
        return gate(joined.unflatten(-1, (heads, -1))).flatten(-2)

    return change


def last_alone(positions: int) -> Change:
    """Only the last of all positions. What is added to the others then is wrong, and nobody may read them."""

    def change(states: Tensor) -> Tensor:
        return states[:, -1:] if states.ndim == 3 and states.shape[1] == positions else states

    return change


@contextmanager
def called_from(module: nn.Module, block: str, first: str) -> Iterator[list[str]]:
    """Names of the matrices of a block in the order in which a pass calls them, beginning with `first`."""
    found: list[str] = []

    def noting(name: str) -> Any:
        def hook(*_: Any) -> None:
            if (name == first or found) and name not in found:
                found.append(name)

        return hook

    with ExitStack() as stack:
        for name, part in module.get_submodule(block).named_modules(prefix=block):
            weight = getattr(part, "weight", None)
            if isinstance(weight, Tensor) and weight.ndim == 2:
                stack.callback(part.register_forward_pre_hook(noting(name)).remove)
        yield found
