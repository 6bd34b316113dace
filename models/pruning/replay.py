"""Give back what a model's earlier blocks put out in another pass, instead of running them again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from models.run.model import AttentionModel


@dataclass(frozen=True, slots=True)
class Replay:
    """The blocks that a stack's layers stand in, and what they put out on one text.

    path: of the list that they stand in; places: in it, of each layer's block, none where layers are not blocks of one list,
    one after the other (ALBERT's share one), so that there is nothing to be given back. outputs: by place.
    """

    path: str
    places: tuple[int, ...]
    outputs: dict[int, Any] = field(default_factory=dict)

    @contextmanager
    def kept(self, module: nn.Module) -> Iterator[None]:
        """Keep what every block puts out in the pass that is made meanwhile."""

        def keeping(place: int) -> Any:
            def hook(_: nn.Module, __: Any, output: Any) -> None:
                self.outputs[place] = output

            return hook

        with ExitStack() as stack:
            for place in range(max(self.places, default=-1) + 1):
                block = module.get_submodule(f"{self.path}.{place}")
                stack.callback(block.register_forward_hook(keeping(place)).remove)
            yield

    @contextmanager
    def below(self, module: Any, layer: int, rows: int) -> Iterator[None]:
        """The blocks below a layer give back what they put out, once for each of so many rows."""
        with ExitStack() as stack:
            for place in range(self.places[layer]):
                block = module.get_submodule(f"{self.path}.{place}")
                output = expanded(self.outputs[place], rows)
                stack.enter_context(answering(block, lambda *_, output=output, **__: output))
            yield

    def calls_below(self, model: AttentionModel, layer: int) -> int:
        """How many attention calls of a pass these blocks make."""
        below = {(self.path, place) for place in range(self.places[layer])}
        return sum(block_of(site.module) in below for site in model.plan.sites)


def replay_of(model: AttentionModel, stack: str) -> Replay:
    """For one text on a model."""
    plan = model.plan
    found = [
        block_of(plan.sites[plan.calls_of(stack, layer)[0]].module) for layer in range(plan.layers(stack))
    ]
    blocks = [block for block in found if block is not None]
    paths, places = {path for path, _ in blocks}, [place for _, place in blocks]
    if len(blocks) < len(found) or len(paths) > 1 or places != sorted(set(places)):
        return Replay("", ())
    return Replay(paths.pop(), tuple(places))


def block_of(path: str) -> tuple[str, int] | None:
    """ "model.layers.3.self_attn" stands in place 3 of "model.layers"."""
    parts = path.split(".")
    for index, part in enumerate(parts):
        if part.isdigit():
            return ".".join(parts[:index]), int(part)
    return None


def expanded(output: Any, rows: int) -> Any:
    """What a block put out for one row, for many."""
    if isinstance(output, Tensor):
        return output.expand(rows, *output.shape[1:]) if output.shape[:1] == (1,) else output
    if isinstance(output, tuple):
        return tuple(expanded(part, rows) for part in output)
    return output


@contextmanager
def answering(part: nn.Module, answer: Callable[..., Any]) -> Iterator[None]:
    """A part of a private copy that gives an answer and does not run. It stays in its place, for others read its attributes
    (a ModernBERT those of its blocks)."""
    own = vars(part).get("forward")
    part.forward = answer
    try:
        yield
    finally:
        if own is None:
            del part.forward
        else:
            part.forward = own
