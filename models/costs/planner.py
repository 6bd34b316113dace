"""How many people one can serve at once: cache for each of them beside the weights."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from models.costs.kinds import as_kind
from models.costs.model_anatomy import Anatomy, layers_of
from models.costs.model_cost import Cost, cost
from models.costs.sources import Source, anatomy
from models.errors import BadSelection
from models.shape.attention_geometry import KIND_NAMES, Kind

SHARE = 0.9  # of a device's memory; the rest is for activations and what the system takes
MOST = 10**9


@dataclass(frozen=True, slots=True)
class Serving:
    """By formula. kind: of the attention; own: whether that is the model's.

    cache_per_user: bytes of the whole context. users_per_device: who fit beside one whole copy of the weights, 0 where even
    those do not. total_bytes: weights once and the cache of all users; devices: that hold so much together. As another
    kind the weights are taken to be as large as the model's own.
    """

    kind: Kind
    own: bool
    cost: Cost
    cache_per_user: int
    users_per_device: int
    total_bytes: int
    devices: int


@dataclass(frozen=True, slots=True)
class ServingPlan:
    """What serving a model takes as it is, and as each kind of attention; notes: sentences on what is not counted."""

    name: str
    context: int
    users: int
    dtype: torch.dtype
    device_bytes: int
    weight_bytes: int
    own: Serving
    kinds: tuple[Serving, ...]
    notes: tuple[str, ...]


def plan_serving(
    source: Source, context: int, users: int, device_bytes: int, dtype: str | torch.dtype = "bfloat16"
) -> ServingPlan:
    """Cache of so many users with so long a context, and how many devices of that memory hold it.

    `own` counts the layers as they are, windows and all; `kinds` take every layer that attends as one that keeps the whole
    context, since that is what the kinds differ in. dtype: number format of weights and caches. Raises BadSelection,
    UnsupportedModel, UnknownModel.
    """
    for what, count in (("users", users), ("bytes of a device", device_bytes)):
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MOST * 10**6:
            raise BadSelection(f"The number of {what} must be a whole number from 1 on, but {count!r} came.")
    model = anatomy(source)
    worked = cost(model, context, 1, dtype)
    if worked.cache_bytes is None:
        raise BadSelection(f"What the layers of {model.name} keep is not known, so it cannot be planned for.")
    weights = worked.weight_bytes or 0
    made = [_serving(worked, model.shape.kind, True, users, device_bytes, weights)]
    for kind in KIND_NAMES:
        other = cost(every_layer_as(kind, model), context, 1, dtype)
        own = kind == model.shape.kind
        made.append(_serving(other, kind, own, users, device_bytes, weights))
    notes = (
        worked.notes if worked.weight_bytes is not None else (*worked.notes, "The weights are not counted.")
    )
    return ServingPlan(
        model.name, context, users, worked.dtype, device_bytes, weights, made[0], tuple(made[1:]), notes
    )


def every_layer_as(kind: Kind, model: Anatomy) -> Anatomy:
    """The model with that kind of attention wherever it attends, over the whole context: what the kinds differ in.

    Each layer keeps its own sizes, as many as fit that kind.
    """
    attending = (
        replace(group.shape, layers=1, sliding_window=None)
        for group in model.layers
        if group.attends
        for _ in range(group.count)
    )
    shape = as_kind(model.shape.with_layers(tuple(attending)), kind)
    return Anatomy(model.name, shape, layers_of(shape))


def _serving(worked: Cost, kind: Kind, own: bool, users: int, device: int, weights: int) -> Serving:
    each, room = worked.cache_bytes or 0, int(SHARE * device)
    total = weights + users * each
    return Serving(
        kind=kind,
        own=own,
        cost=worked,
        cache_per_user=each,
        users_per_device=max(room - weights, 0) // max(each, 1),
        total_bytes=total,
        devices=-(-total // max(room, 1)),
    )
