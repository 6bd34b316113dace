"""Selections of heads that grouped attention can do without more cheaply: whole groups, or equally many of each group."""

from __future__ import annotations

from models.removal.remove import selection
from models.run.head_gates import Head, Heads
from models.run.model import AttentionModel
from models.shape.removed_heads import RemovedHeads


def whole_groups(model: AttentionModel, heads: Heads, *, stack: str | None = None) -> tuple[Head, ...]:
    """The nearest selection of whole groups: a group of which more than half was chosen goes, any other stays.

    Only a whole group frees cache. A group is the heads that read one key/value head; with MHA and MLA each head is one,
    and the selection stays as it is. May be empty. Raises BadSelection, UnsupportedModel.
    """
    chosen = set(selection(model, heads, stack))
    gone = [group for group in _groups(model) if 2 * len(chosen.intersection(group)) > len(group)]
    return tuple(sorted(head for group in gone for head in group))


def equal_per_group(model: AttentionModel, heads: Heads, *, stack: str | None = None) -> tuple[Head, ...]:
    """The nearest selection that leaves equally many heads in each group of a layer, but for groups chosen as a whole.

    It differs from what was chosen in as few heads as can be, then in as little in their number, and is the smaller one
    then. Of a group of which more were chosen than go, the last ones stay; where fewer were, its last heads go too. May be
    empty. Raises BadSelection, UnsupportedModel.
    """
    chosen = set(selection(model, heads, stack))
    found: list[Head] = []
    for layer in range(model.plan.layers(model.plan.stacks[0])):
        groups = [group for group in _groups(model) if group[0][0] == layer]
        whole = [group for group in groups if chosen.issuperset(group)]
        found.extend(head for group in whole for head in group)
        rest = [group for group in groups if group not in whole]
        found.extend(_levelled(rest, chosen) if rest else ())
    return tuple(sorted(found))


def _levelled(groups: list[tuple[Head, ...]], chosen: set[Head]) -> list[Head]:
    """Heads to remove so that every group keeps the same number."""
    options = [
        [head for group in groups for head in _least_changed(group, chosen, len(group) - left)]
        for left in range(min(map(len, groups)), 0, -1)
    ]
    here = {head for group in groups for head in group} & chosen
    return min(
        options, key=lambda option: (len(here.symmetric_difference(option)), abs(len(option) - len(here)))
    )


def _least_changed(group: tuple[Head, ...], chosen: set[Head], count: int) -> list[Head]:
    own = [head for head in group if head in chosen]
    others = [head for head in reversed(group) if head not in chosen]
    return (own + others)[:count]


def _groups(model: AttentionModel) -> list[tuple[Head, ...]]:
    """The heads of every group, as the model counts them."""
    shape = model.geometry
    record = model.removed or RemovedHeads.none(shape.layers, shape.heads, shape.kv_heads)
    groups: list[tuple[Head, ...]] = []
    for layer, original in enumerate(record.layers):
        reads = record.reads(original)
        groups += [
            tuple((layer, head) for head, read in enumerate(reads) if read == group)
            for group in range(max(reads) + 1)
        ]
    return groups
