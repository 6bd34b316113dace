"""Run a model from one of its layers on: nothing below a head that is switched off changes, so it need not run again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from models.look.capturing import forward
from models.private_copy import private_copy
from models.pruning.blocked_loss import plain_head
from models.pruning.fused_activations import fuse_activations
from models.pruning.late_rows import Change, called_from, last_alone, open_rows, pre_hooks
from models.pruning.replay import Replay, answering, block_of, expanded, replay_of
from models.pruning.ways import WAYS, Way, Ways
from models.run.forward_pass import forward_pass
from models.run.inputs import Encoded
from models.run.interventions import Gate
from models.run.model import AttentionModel
from models.run.tap import Tap, tapped

AGREEMENT = 1e-4  # of the largest output, between a run that takes shortcuts and a whole one
# What a class of model makes of fewer or more rows than it was written for (RuntimeError, ValueError, IndexError), or of
# earlier layers that did not run (KeyError: Gemma 4's later layers look up their keys and values).
UNFIT = (RuntimeError, ValueError, IndexError, KeyError)


@dataclass
class ResumedRuns:
    """One text's runs through one model, started where something changes.

    The model's weights are shared and never changed; its modules are copies. always: gates of the first run, whose output is
    kept. last_only: whether the last position is all that will be read. without_head: whether `run` may give what enters the
    language head, where it has one that is a plain linear layer; it is then `head`. late: parts that only the last position
    passes. Every way is held against a pass of its own before it is taken, and in each layer against the first run.
    """

    model: AttentionModel
    encoded: Encoded
    stack: str
    always: dict[int, Gate]
    last_only: bool = False
    without_head: bool = False
    ways: Ways = field(default_factory=Ways)
    module: Any = field(init=False)
    head: nn.Linear | None = field(init=False, default=None)
    late: tuple[str, ...] = field(init=False, default=())
    replay: Replay = field(init=False)
    encoder_output: Any = field(init=False, default=None)
    output: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.module = private_copy(self.model.module)
        fuse_activations(self.module)
        self.replay = replay_of(self.model, self.stack)
        self._plain_head = plain_head(self.module) if self.without_head else None
        self._number, self._agreed = len(WAYS), set[tuple[int, int]]()
        self.output = self._first_run()
        if self.ways.of_layer:
            self._take(min(self.ways.of_layer.values()))
        else:
            self._try()

    @property
    def opens(self) -> bool:
        """Whether the runs that were made last were one row until their layer's output projection."""
        return self._number < len(WAYS) and WAYS[self._number].opens

    @torch.inference_mode()
    def _first_run(self) -> Tensor:
        """What `run` gives of one row, [pos, vocab]; what every block puts out is kept on the way."""
        watched, kept = self._behind_last_call(), self.replay.kept(self.module)
        with self._encoder_kept(), kept, watched as late, tapped(Tap(gates=self.always)):
            output = _read(forward_pass(self.module, self.encoded.inputs))[0]
        self._last_parts = tuple(late)
        return output

    @contextmanager
    def _behind_last_call(self) -> Iterator[list[str]]:
        """Names of the matrices that stand behind the pass's last attention call, in its block, while one pass runs."""
        last = self.model.plan.sites[-1]
        block = block_of(last.module)
        if not self.last_only or not self.replay.places or block is None or last.output_projection is None:
            yield []
            return
        with called_from(self.module, ".".join(map(str, block)), last.output_projection) as found:
            yield found

    @contextmanager
    def _encoder_kept(self) -> Iterator[None]:
        if self.model.geometry.role != "encoder-decoder":
            yield
            return

        def keep(_: nn.Module, __: Any, output: Any) -> None:
            self.encoder_output = output

        hook = self.module.get_encoder().register_forward_hook(keep)
        try:
            yield
        finally:
            hook.remove()

    def _try(self) -> None:
        """Find a way with one head of a late layer, before anything is measured."""
        layer = max(self.model.plan.layers(self.stack) - 2, 0)
        calls = self.model.plan.calls_of(self.stack, layer)
        gates = {call: self._closed(call).repeated(1) for call in calls}
        for gate in gates.values():
            gate.keep[0, 0] = 0.0
        self.run(layer, gates, 1)

    def _closed(self, call: int) -> Gate:
        """Of a call with nothing off but what is off throughout."""
        return self.always.get(call, Gate(torch.ones(self.model.plan.sites[call].heads, dtype=torch.float32)))

    @torch.inference_mode()
    def run(self, layer: int, gates: dict[int, Gate], batch: int) -> Tensor:
        """Logits of runs that differ from layer `layer` of the stack on, [batch, pos | 1, vocab]; with `head` what enters
        it, and of models without a language head the last layer's output, [batch, pos, d_model].

        gates: of the layer's attention calls, [batch, head], by their number in a whole pass. With last_only no position
        but the last is right.
        """
        known = self.ways.of_layer
        first = max(known.get(layer, 0), known.get(layer - 1, 0))
        for number in range(first, len(WAYS)):
            if not self._can(WAYS[number], gates):
                continue
            self._take(number)
            found = self._held(layer, gates, batch)
            if found is not None:
                known[layer] = number
                return found
        self._take(len(WAYS))
        known[layer] = len(WAYS)
        return torch.stack([self._alone(gates, row) for row in range(batch)])

    def _can(self, way: Way, gates: dict[int, Gate]) -> bool:
        """Whether there is anything in the model that this is about."""
        sites = [self.model.plan.sites[call] for call in gates]
        opened = len(sites) == 1 and sites[0].output_projection is not None
        trimmed = bool(self._last_parts) or self._plain_head is not None
        return (
            (not way.resumed or bool(self.replay.places))
            and (not way.opens or opened or not gates)
            and (not way.trims or trimmed)
        )

    def _take(self, number: int) -> None:
        """Make runs in this way from now on."""
        trims = number < len(WAYS) and WAYS[number].trims
        self._number, self.late = number, self._last_parts if trims else ()
        self.head = self._plain_head if trims else None

    def _held(self, layer: int, gates: dict[int, Gate], batch: int) -> Tensor | None:
        """What `run` gives, in the way that is taken; None where a run with nothing more off, made beside them, is not the
        first run again, or where the first of them is not what a pass of its own gives."""
        if (self._number, layer) in self._agreed:
            return self._pass(layer, gates, batch)
        beside = {
            call: Gate(torch.cat([gate.keep, self._closed(call).keep[None].to(gate.keep)]), gate.instead)
            for call, gate in gates.items()
        }
        try:
            found = self._pass(layer, beside, batch + 1)
        except torch.OutOfMemoryError:
            raise
        except UNFIT:
            return None
        if not self._near(found[-1], self.output):
            return None
        if self._number not in self.ways.proven and not self._near(found[0], self._alone(gates, 0)):
            return None
        self.ways.proven.add(self._number)
        self._agreed.add((self._number, layer))
        return found[:-1]

    def _near(self, found: Tensor, expected: Tensor) -> bool:
        if self.last_only:
            found, expected = found[-1:], expected[-1:]
        if self.head is not None and found.shape[-1] == self.head.in_features:
            found = nn.functional.linear(found, self.head.weight, self.head.bias)
        found, expected = found.float(), expected.float()
        most = max(AGREEMENT, 8 * torch.finfo(self.output.dtype).eps) * expected.abs().max()
        return found.shape == expected.shape and bool((found - expected).abs().max() <= most)

    def _alone(self, gates: dict[int, Gate], row: int) -> Tensor:
        """One of the runs as a whole pass of the model itself, [pos | 1, vocab]."""
        own = {call: Gate(gate.keep[row], gate.instead) for call, gate in gates.items()}
        with tapped(Tap(gates=self.always | own)):
            return _read(forward(self.model, self.encoded, all_logits=not self.last_only))[0]

    def _pass(self, layer: int, gates: dict[int, Gate], batch: int) -> Tensor:
        """What `run` gives, in the way that is taken. Raises one of UNFIT where the model does not go that way."""
        way, rows, opening = WAYS[self._number], batch, []
        if way.opens and gates:
            ((call, gate),) = gates.items()
            site, rows, gates = self.model.plan.sites[call], 1, {}
            assert site.output_projection is not None, "only heads that can be gated are swept"
            opening = [(site.output_projection, open_rows(gate, site.heads))]
        inputs = {name: tensor.expand(rows, -1) for name, tensor in self.encoded.inputs.items()}
        skips_encoder = way.resumed and self.encoder_output is not None and self.stack != "encoder"
        if skips_encoder:
            # Flattened to its tensors, as generate hands it on; the source's ids are then not read again.
            inputs["encoder_outputs"] = _encoder_rows(self.encoder_output, rows)
            inputs.pop("input_ids")
        late = [(name, last_alone(self.output.shape[0])) for name in self.late]
        skipped = self.replay.calls_below(self.model, layer) if way.resumed else 0
        tap = Tap(gates=self.always | gates, calls=skipped + self._encoder_calls() * skips_encoder)
        below = self.replay.below(self.module, layer, rows) if way.resumed else nullcontext()
        apart = nullcontext() if self.head is None else answering(self.head, lambda states: states)
        with below, apart, pre_hooks(self.module, opening + late + self._packing()), tapped(tap):
            output = _read(forward_pass(self.module, inputs, last_only=self.last_only))
        if tap.calls != len(self.model.plan.sites) or len(output) != batch:
            raise ValueError(f"expected {len(self.model.plan.sites)} attention calls and {batch} rows")
        return output

    def _packing(self) -> list[tuple[str, Change]]:
        """A slice of every row's last position is multiplied by a copy of the language head for each row, packed by one."""
        head = plain_head(self.module) if self.last_only else None
        return [(name, Tensor.contiguous) for name, part in self.module.named_modules() if part is head]

    def _encoder_calls(self) -> int:
        return sum(site.stack == "encoder" for site in self.model.plan.sites)


def _encoder_rows(output: Any, batch: int) -> Any:
    return type(output)(last_hidden_state=expanded(output.last_hidden_state, batch))


def _read(output: Any) -> Tensor:
    return output.last_hidden_state if getattr(output, "logits", None) is None else output.logits
