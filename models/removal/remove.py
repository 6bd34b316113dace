"""`remove_heads`: a physically smaller model from one whose heads were found to matter little."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from torch import nn
from transformers import PreTrainedModel

from models.errors import BadSelection
from models.loading.loader import wrap
from models.private_copy import private_copy
from models.progress import Progress, no_progress, part
from models.removal.stock import stock_numbers, whole_numbers
from models.run.head_gates import Head, Heads, demand_gates, gated_stack, plain
from models.run.head_matrices import form_of
from models.run.head_surgery import take_out
from models.run.model import AttentionModel
from models.shape.removed_heads import FIELD, RemovedHeads


def remove_heads(
    model: AttentionModel,
    heads: Heads,
    *,
    stack: str | None = None,
    progress: Progress = no_progress,
) -> AttentionModel:
    """A smaller model without these heads, which computes what the given one computes with them switched off by zeros.

    heads: (layer, head) of `stack` (None: the default one), as the model counts them; or a HeadsOff. Query, key, value and
    output matrices lose the rows and columns of what is removed; a key/value head stays as long as one head reads it, and what
    MLA caches stays as it is. A layer may lose all its heads: its attention then writes its output bias at most, and the layers
    with heads are counted without it. `RemovedHeads.origin` of its `removed` says which head of the original one is. All other
    weights are shared with the given model, which is not changed, also where an exception from `progress` ends the work. Raises
    BadSelection (a head that does not exist, none, or all), UnsupportedModel (a class whose matrices are not known).
    """
    before, after = records(model, heads, stack)
    module = smaller(model, private_copy(model.module), before, after, part(progress, 0.0, 0.8))
    progress("Looking at the smaller model", 0.9)
    original = model.name if model.removed is None else model.name.rpartition(" less ")[0] or model.name
    made = wrap(module, model.tokenizer, f"{original} less {_count(len(after.gone))}")
    progress(f"{_count(len(after.gone))} removed", 1.0)
    shape = replace(made.geometry, context=model.geometry.context)
    return replace(made, geometry=shape, note=model.note, cache=model.cache)


def smaller(
    model: AttentionModel,
    copy: nn.Module,
    before: RemovedHeads,
    after: RemovedHeads,
    progress: Progress = no_progress,
) -> PreTrainedModel:
    """`copy`, a copy of the model's modules, less the heads; its config says what is left."""
    module = cast(PreTrainedModel, copy)
    take_out(module, form_of(module.config, model.name), before, after, progress)
    config: Any = module.config
    setattr(config, FIELD, after.as_json())
    for name, number in (stock_numbers(model, module, after) or whole_numbers(config, after)).items():
        setattr(config, name, number)
    return module


def records(
    model: AttentionModel, heads: Heads, stack: str | None = None
) -> tuple[RemovedHeads, RemovedHeads]:
    """Which of the original's heads the model has, and which it would have without these. Raises as `remove_heads`."""
    wanted = selection(model, heads, stack)
    shape = model.geometry
    before = model.removed or RemovedHeads.none(shape.layers, shape.heads, shape.kv_heads)
    off = {before.origin(layer, head) for layer, head in wanted}
    kept = (tuple(head for head in row if (layer, head) not in off) for layer, row in enumerate(before.kept))
    return before, RemovedHeads(before.heads, before.kv_heads, tuple(kept))


def selection(model: AttentionModel, heads: Heads, stack: str | None = None) -> tuple[Head, ...]:
    """The heads, each once and in order. Raises as `remove_heads`."""
    form_of(model.module.config, model.name)
    demand_gates(model)
    given = plain(heads, stack, "Removing heads")
    name, wanted = gated_stack(model, given.stack), given.heads
    if not wanted:
        raise BadSelection("No heads were given, so there is nothing to remove: choose one or more.")
    counts = [model.plan.sites[calls[0]].heads for calls in _calls(model, name)]
    for layer, head in wanted:
        if not 0 <= layer < len(counts):
            raise BadSelection(
                f"L{layer} H{head} cannot be removed: {model.name} has {len(counts)} layers with heads, counted from 0."
            )
        if not 0 <= head < counts[layer]:
            raise BadSelection(
                f"L{layer} H{head} cannot be removed: layer {layer} of {model.name} has {counts[layer]} heads (0 to "
                f"{counts[layer] - 1})."
            )
    if len(wanted) == sum(counts):
        raise BadSelection(
            f"All {sum(counts)} heads of {model.name} were chosen, and a model without any has nothing to show: leave one "
            "or more."
        )
    return wanted


def _calls(model: AttentionModel, stack: str) -> list[tuple[int, ...]]:
    return [model.plan.calls_of(stack, layer) for layer in range(model.plan.layers(stack))]


def _count(heads: int) -> str:
    return f"{heads} head{'s' * (heads != 1)}"
