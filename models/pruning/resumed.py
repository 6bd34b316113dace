"""Run a model from one of its layers on: nothing below a head that is switched off changes, so it need not run again."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from models.head_gates import Gate
from models.inputs import Encoded
from models.model import AttentionModel
from models.private_copy import private_copy
from models.pruning.blocked_loss import plain_head, swap
from models.pruning.fused_activations import fuse_activations
from models.pruning.late_rows import Change, called_from, last_alone, open_rows, pre_hooks
from models.tap import Tap, tapped

AGREEMENT = 1e-4  # of the largest output, between a run that takes shortcuts and a whole one


class _Replay(nn.Module):
    """Stands for a layer whose output is known: gives it back, a row for each run of the batch."""

    def __init__(self, output: Any, batch: int) -> None:
        super().__init__()
        self.output = _expanded(output, batch)

    def forward(self, *_: Any, **__: Any) -> Any:
        return self.output


@dataclass
class ResumedRuns:
    """One text's runs through one model, started where something changes.

    The model's weights are shared and never changed; its modules are copies, from which layers are taken out for a while.
    always: gates of the first run, whose output is kept. last_only: whether the last position is all that will be read.
    without_head: whether `run` may give what enters the language head, where it has one that is a plain linear layer; it
    is then `head`. blocks: for each layer of the stack the list that its block stands in and its place there; empty where
    layers share a module (ALBERT), so that every run is a whole one. late: parts that only the last position passes.
    opens: whether a run is one row until its layer's output projection.
    """

    model: AttentionModel
    encoded: Encoded
    stack: str
    always: dict[int, Gate]
    last_only: bool = False
    without_head: bool = False
    module: Any = field(init=False)
    head: nn.Linear | None = field(init=False, default=None)
    blocks: tuple[tuple[str, int], ...] = field(init=False)
    late: tuple[str, ...] = field(init=False, default=())
    opens: bool = field(init=False, default=False)
    outputs: dict[tuple[str, int], Any] = field(init=False, default_factory=dict)
    encoder_output: Any = field(init=False, default=None)
    output: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.module = private_copy(self.model.module)
        fuse_activations(self.module)
        self.blocks = _blocks(self.model, self.stack)
        self.output = self._first_run()
        self._take_shortcuts()

    @torch.inference_mode()
    def _first_run(self) -> Tensor:
        """What `run` gives of one row, [pos, vocab]; what every block puts out is kept on the way."""
        with ExitStack() as stack:
            for block in dict.fromkeys(self.blocks):
                stack.callback(self._keep(block).remove)
            if self.model.geometry.role == "encoder-decoder":
                keep = self.module.get_encoder().register_forward_hook(self._keep_encoder)
                stack.callback(keep.remove)
            late = stack.enter_context(self._behind_last_call())
            with tapped(Tap(gates=self.always)):
                output = _read(self.module(**self.encoded.inputs, **_settings(self.module)))[0]
        self.late = tuple(late)
        return output

    @contextmanager
    def _behind_last_call(self) -> Iterator[list[str]]:
        """Names of the matrices that stand behind the pass's last attention call, in its block, while one pass runs."""
        last = self.model.plan.sites[-1]
        block = _block_of(last.module)
        if not self.last_only or not self.blocks or block is None or last.output_projection is None:
            yield []
            return
        with called_from(self.module, ".".join(map(str, block)), last.output_projection) as found:
            yield found

    def _keep(self, block: tuple[str, int]) -> Any:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            self.outputs[block] = output

        return self.module.get_submodule(f"{block[0]}.{block[1]}").register_forward_hook(hook)

    def _keep_encoder(self, _: nn.Module, __: Any, output: Any) -> None:
        self.encoder_output = output

    def _take_shortcuts(self) -> None:
        """Try the fastest way of running first, and keep the first that agrees with a whole pass."""
        late, gap = self.late, nn.Identity()
        head = plain_head(self.module) if self.without_head else None
        for self.opens, short in ((True, True), (False, True), (True, False), (False, False)):
            self.late, self.head = (late, head) if short else ((), None)
            if self.head is not None:
                swap(self.module, self.head, gap)
            if not (self.opens or self.late or self.head) or self._agrees():
                return
            if self.head is not None:
                swap(self.module, gap, self.head)

    @torch.inference_mode()
    def _agrees(self) -> bool:
        """Whether a run with all heads on, beside one without a head, gives what the first run gave."""
        layer = max(len(self.blocks) - 2, 0)
        calls = self.model.plan.calls_of(self.stack, layer)
        ones = Gate(torch.ones(self.model.plan.sites[calls[0]].heads))
        gates = {call: self.always.get(call, ones).repeated(2) for call in calls}
        for gate in gates.values():
            gate.keep[0, 0] = 0.0
        try:
            found = self.run(layer, gates, 2)
        except Exception:  # whatever a class of model makes of shapes that it was not written for
            return False
        found = found[-1, -1:] if self.last_only else found[-1]
        found = (found if self.head is None else self.head(found)).float()
        expected = self.output[-len(found) :].float()
        most = max(AGREEMENT, 8 * torch.finfo(self.output.dtype).eps) * expected.abs().max()
        return found.shape == expected.shape and bool((found - expected).abs().max() <= most)

    @torch.inference_mode()
    def run(self, layer: int, gates: dict[int, Gate], batch: int) -> Tensor:
        """Logits of runs that differ from layer `layer` of the stack on, [batch, pos | 1, vocab]; with `head` what enters
        it, and of models without a language head the last layer's output, [batch, pos, d_model].

        gates: of the layer's attention calls, [batch, head], by their number in a whole pass. With last_only no position
        but the last is right.
        """
        site = self.model.plan.sites[next(iter(gates), 0)]
        if not self.opens or len(gates) != 1 or site.output_projection is None:
            return self._pass(layer, self.always | gates, batch, [])
        (gate,) = gates.values()
        return self._pass(layer, self.always, 1, [(site.output_projection, open_rows(gate, site.heads))])

    def _pass(
        self, layer: int, gates: dict[int, Gate], rows: int, opening: list[tuple[str, Change]]
    ) -> Tensor:
        inputs = {name: tensor.expand(rows, -1) for name, tensor in self.encoded.inputs.items()}
        skips_encoder = self.encoder_output is not None and self.stack != "encoder"
        if skips_encoder:
            # Flattened to its tensors, as generate hands it on; the source's ids are then not read again.
            inputs["encoder_outputs"] = _encoder_rows(self.encoder_output, rows)
            inputs.pop("input_ids")
        late = [(name, last_alone(self.output.shape[0])) for name in self.late]
        with self._from(layer, rows) as skipped, pre_hooks(self.module, opening + late + self._packing()):
            calls = skipped + self._encoder_calls() * skips_encoder
            with tapped(Tap(gates=gates, calls=calls)):
                return _read(self.module(**inputs, **_settings(self.module, self.last_only)))

    def _packing(self) -> list[tuple[str, Change]]:
        """A slice of every row's last position is multiplied by a copy of the language head for each row, packed by one."""
        head = plain_head(self.module) if self.last_only else None
        return [(name, Tensor.contiguous) for name, part in self.module.named_modules() if part is head]

    @contextmanager
    def _from(self, layer: int, batch: int) -> Iterator[int]:
        """Without the blocks below a layer; gives how many attention calls of the stack's blocks are skipped."""
        if not self.blocks:
            yield 0
            return
        path, first = self.blocks[layer]
        layers = self.module.get_submodule(path)
        whole = list(layers)
        for place in range(first):
            # Only what enters the layer is read; the blocks before may hand on anything of the same form.
            layers[place] = (
                _Replay(self.outputs[path, place], batch) if (path, place) in self.outputs else whole[place]
            )
        try:
            yield sum(
                _block_of(site.module) in {(path, place) for place in range(first)}
                for site in self.model.plan.sites
            )
        finally:
            for place in range(first):
                layers[place] = whole[place]

    def _encoder_calls(self) -> int:
        return sum(site.stack == "encoder" for site in self.model.plan.sites)


def _blocks(model: AttentionModel, stack: str) -> tuple[tuple[str, int], ...]:
    """The block of every layer of a stack; empty where they are not a list of modules, one after the other."""
    found = []
    for layer in range(model.plan.layers(stack)):
        block = _block_of(model.plan.sites[model.plan.calls_of(stack, layer)[0]].module)
        if block is None:
            return ()
        found.append(block)
    one_list = len({path for path, _ in found}) == 1
    places = [place for _, place in found]
    return tuple(found) if one_list and places == list(range(len(places))) else ()


def _block_of(path: str) -> tuple[str, int] | None:
    """ "model.layers.3.self_attn" stands in place 3 of "model.layers"."""
    parts = path.split(".")
    for index, part in enumerate(parts):
        if part.isdigit():
            return ".".join(parts[:index]), int(part)
    return None


def _expanded(output: Any, batch: int) -> Any:
    if isinstance(output, Tensor):
        return output.expand(batch, *output.shape[1:]) if output.shape[:1] == (1,) else output
    if isinstance(output, tuple):
        return tuple(_expanded(part, batch) for part in output)
    return output


def _encoder_rows(output: Any, batch: int) -> Any:
    return type(output)(last_hidden_state=_expanded(output.last_hidden_state, batch))


def _read(output: Any) -> Tensor:
    return output.last_hidden_state if getattr(output, "logits", None) is None else output.logits


def _settings(module: Any, last_only: bool = False) -> dict[str, Any]:
    accepted = inspect.signature(module.forward).parameters
    settings: dict[str, Any] = {}
    if "use_cache" in accepted or hasattr(module.config, "use_cache"):
        settings["use_cache"] = False
    if last_only and "logits_to_keep" in accepted:
        settings["logits_to_keep"] = 1
    return settings
