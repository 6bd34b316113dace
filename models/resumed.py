"""Run a model from one of its layers on: nothing below a head that is switched off changes, so it need not run again."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from models.head_gates import Gate
from models.inputs import Encoded
from models.model import AttentionModel
from models.private_copy import private_copy
from models.tap import Tap, tapped


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
    always: gates of the first run, whose output is kept. blocks: for each layer of the stack the list that its block
    stands in and its place there; empty where layers share a module (ALBERT), so that every run is a whole one.
    """

    model: AttentionModel
    encoded: Encoded
    stack: str
    always: dict[int, Gate]
    module: Any = field(init=False)
    blocks: tuple[tuple[str, int], ...] = field(init=False)
    outputs: dict[tuple[str, int], Any] = field(init=False, default_factory=dict)
    encoder_output: Any = field(init=False, default=None)
    output: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.module = private_copy(self.model.module)
        self.blocks = _blocks(self.model, self.stack)
        self.output = self._first_run()

    @torch.inference_mode()
    def _first_run(self) -> Tensor:
        """What `run` gives of one row, [pos, vocab]; what every block puts out is kept on the way."""
        hooks = [self._keep(block) for block in dict.fromkeys(self.blocks)]
        if self.model.geometry.role == "encoder-decoder":
            hooks.append(self.module.get_encoder().register_forward_hook(self._keep_encoder))
        try:
            with tapped(Tap(gates=self.always)):
                return _read(self.module(**self.encoded.inputs, **_settings(self.module)))[0]
        finally:
            for hook in hooks:
                hook.remove()

    def _keep(self, block: tuple[str, int]) -> Any:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            self.outputs[block] = output

        return self.module.get_submodule(f"{block[0]}.{block[1]}").register_forward_hook(hook)

    def _keep_encoder(self, _: nn.Module, __: Any, output: Any) -> None:
        self.encoder_output = output

    @torch.inference_mode()
    def run(self, layer: int, gates: dict[int, Gate], batch: int, last_only: bool = False) -> Tensor:
        """Logits of runs that differ from layer `layer` of the stack on, [batch, pos | 1, vocab]; of models without a
        language head the last layer's output, [batch, pos, d_model].

        gates: per attention call of a whole pass, [batch, head]; last_only: the logits of the last position alone.
        """
        inputs = {name: tensor.expand(batch, -1) for name, tensor in self.encoded.inputs.items()}
        skips_encoder = self.encoder_output is not None and self.stack != "encoder"
        if skips_encoder:
            # Flattened to its tensors, as generate hands it on; the source's ids are then not read again.
            inputs["encoder_outputs"] = _encoder_rows(self.encoder_output, batch)
            inputs.pop("input_ids")
        with self._from(layer, batch) as skipped:
            calls = skipped + self._encoder_calls() * skips_encoder
            with tapped(Tap(gates=gates, calls=calls)):
                return _read(self.module(**inputs, **_settings(self.module, last_only)))

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
