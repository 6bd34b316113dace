"""Takes heads out of a module's matrices. Every matrix that changes is a new one; those that do not are left as they are."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from models.private_copy import private_copy
from models.progress import Progress, no_progress
from models.run.head_matrices import FORMS, Form, Part, attention_modules, form_of
from models.run.no_heads import NoHeads
from models.shape.removed_heads import RemovedHeads, removed_heads


def take_out(
    module: nn.Module,
    form: Form,
    before: RemovedHeads,
    after: RemovedHeads,
    progress: Progress = no_progress,
) -> None:
    """Bring a module from the heads that it has (`before`) to those that are to be left (`after`).

    The module itself is changed, so it must be a copy of modules; no tensor is.
    """
    for layer, (path, attention) in enumerate(attention_modules(module, form)):
        progress(f"Removing heads of layer {layer}", layer / len(before.kept))
        if after.kept[layer] == before.kept[layer]:
            continue
        for piece in form.parts:
            _slice(attention, piece, layer, before, after)
        if after.kept[layer]:
            _tell(attention.get_submodule(form.caller), form, layer, before, after)
        elif form.caller:
            attention.set_submodule(form.caller, NoHeads(layer))
        else:
            output = form.parts[-1].path
            module.set_submodule(path, NoHeads(layer, (output, attention.get_submodule(output))))


def _slice(attention: Any, piece: Part, layer: int, before: RemovedHeads, after: RemovedHeads) -> None:
    path, _, name = piece.path.rpartition(".")
    owner = attention.get_submodule(path)
    matrix = getattr(owner, name)
    if matrix is None:  # queries of an MLA without a latent of their own, or the reverse
        return
    of = RemovedHeads.kv_kept if piece.unit == "kv_head" else _heads_kept
    had, left = of(before, layer), of(after, layer)
    if had != left:
        places = torch.tensor([had.index(head) for head in left], dtype=torch.long)
        setattr(owner, name, _narrowed(matrix, piece, len(had), places))


def _heads_kept(record: RemovedHeads, layer: int) -> tuple[int, ...]:
    return record.kept[layer]


def _narrowed(matrix: nn.Module, piece: Part, had: int, places: Tensor) -> nn.Module:
    """A linear layer with the rows (or columns) of these heads alone, in memory of its own."""
    turned = isinstance(matrix, Conv1D)  # stores the transpose of what a linear layer does
    weight: Any = matrix.weight
    bias: Any = matrix.bias
    axis = int((piece.side == "in") != turned)
    grid = torch.arange(weight.shape[axis]).view(piece.times, had, -1)
    index = grid[:, places].flatten().to(weight.device)
    weight_left = weight.detach().index_select(axis, index)
    bias_left = bias
    if bias is not None and piece.side == "out":
        bias_left = nn.Parameter(bias.detach().index_select(0, index), requires_grad=bias.requires_grad)
    made: Any = Conv1D(1, 1) if turned else nn.Linear(1, 1, bias=bias is not None, device="meta")
    sizes = weight_left.shape
    made.__dict__.update(
        {"nx": sizes[0], "nf": sizes[1]} if turned else {"in_features": sizes[1], "out_features": sizes[0]}
    )
    made.weight = nn.Parameter(weight_left, requires_grad=weight.requires_grad)
    made.bias = bias_left
    return made


def _tell(caller: Any, form: Form, layer: int, before: RemovedHeads, after: RemovedHeads) -> None:
    """Set what the calling module says of its numbers of heads, and which key/value head each head reads."""
    had, left = len(before.kept[layer]), len(after.kept[layer])
    for name in form.counts:
        setattr(caller, name, left)
    for name in form.widths:
        setattr(caller, name, getattr(caller, name) // had * left)
    for name in form.kv_counts:
        setattr(caller, name, len(after.kv_kept(layer)))
    reads = after.reads(layer)
    if hasattr(caller, "num_key_value_groups"):
        caller.num_key_value_groups = max(Counter(reads).values()) if after.even(layer) else 1
    caller.kv_heads_of = None if after.even(layer) else reads


def spread_out(module: PreTrainedModel) -> PreTrainedModel:
    """The module, or where groups are uneven a copy that transformers' own attention functions can run.

    There each head has a key/value head of its own: one that several heads read is repeated in the matrices.
    """
    if not any(getattr(part, "kv_heads_of", None) for part in module.modules()):
        return module
    spread = cast(PreTrainedModel, private_copy(module))
    form = FORMS[spread.config.model_type]
    for _, attention in attention_modules(spread, form):
        caller: Any = attention.get_submodule(form.caller)
        reads = getattr(caller, "kv_heads_of", None)
        if reads is None:
            continue
        for piece in form.parts:
            if piece.unit == "kv_head":
                matrix = attention.get_submodule(piece.path)
                repeated = _narrowed(matrix, piece, max(reads) + 1, torch.tensor(reads))
                attention.set_submodule(piece.path, repeated)
        for name in form.kv_counts:
            setattr(caller, name, len(reads))
        caller.kv_heads_of = None
    return spread


def smaller_class(kind: type[PreTrainedModel], config: PreTrainedConfig) -> type[PreTrainedModel]:
    """A class whose instances are made whole and lose what the config's record says before any weight is read into them.

    `kind` itself where there is no record, or the config counts without those heads already. Raises UnsupportedModel.
    """
    record = removed_heads(config)
    if record is None:
        return kind
    form = form_of(config, config.model_type)
    if config.num_attention_heads != record.heads:
        return kind
    whole = RemovedHeads.none(len(record.kept), record.heads, record.kv_heads)

    def make(self: Any, *given: Any, **named: Any) -> None:
        made: Any = kind
        made.__init__(self, *given, **named)
        take_out(self, form, whole, record)

    return type(kind.__name__, (kind,), {"__init__": make, "__module__": kind.__module__})
