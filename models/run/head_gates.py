"""Switch heads off for one run and without touching a weight.

A gate stands where heads are still separate: on their outputs, before the output projection mixes them.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from models.errors import BadSelection
from models.run.interventions import Gate
from models.run.model import AttentionModel
from models.run.switched_off import StoodIn, SwitchedOff
from models.shape.removed_heads import Head


@dataclass(frozen=True, slots=True)
class HeadOutputs:
    """What stands for the outputs of heads that are switched off.

    per_call: for every attention call of the forward pass [pos | 1, head, d_value]; one position is a mean for all of them.
    source: what they were worked out on, in a few words. stood_in: in which way.
    """

    per_call: tuple[Float[Tensor, "_ head d_value"], ...]
    source: str
    stood_in: StoodIn = "given"


@dataclass(frozen=True, slots=True)
class HeadsOff:
    """Heads to switch off in one run.

    heads: (layer, head). stack: whose heads, None for the model's default stack. instead: what their outputs are
    replaced by; None for zeros.
    """

    heads: tuple[Head, ...]
    stack: str | None = None
    instead: HeadOutputs | None = None


Heads = HeadsOff | Iterable[Head]  # how heads are given, wherever they are


def distinct(heads: Heads, stack: str | None = None) -> HeadsOff:
    """The same in one form, each head once. stack: whose they are, where they do not say it themselves.

    Raises BadSelection for what is no (layer, head), and for heads that say another stack.
    """
    given = heads if isinstance(heads, HeadsOff) else HeadsOff(_listed(heads))
    if stack is not None and given.stack not in (None, stack):
        raise BadSelection(
            f"The heads that came are of the {given.stack}, but stack={stack!r} came too: leave one of them out."
        )
    return HeadsOff(tuple(sorted(set(map(_head, given.heads)))), given.stack or stack, given.instead)


def plain(heads: Heads, stack: str | None, deed: str) -> HeadsOff:
    """As `distinct`, where nothing can stand in for the heads. deed: what is done. Raises BadSelection where something does."""
    given = distinct(heads, stack)
    if given.instead is not None:
        raise BadSelection(
            f"{deed} takes nothing that stands in for a head, but HeadsOff.instead came; leave it out."
        )
    return given


def _listed(heads: Any) -> tuple[Any, ...]:
    try:
        return tuple(heads)
    except TypeError:
        raise BadSelection(
            f"Heads are given as a list of (layer, head), or as a HeadsOff, but {heads!r} came; put it into a list."
        ) from None


def _head(given: Any) -> Head:
    """A head in Python's own numbers."""
    try:
        layer, head = given
        return operator.index(layer), operator.index(head)
    except (TypeError, ValueError):
        raise BadSelection(
            f"A head is given as (layer, head), two whole numbers from 0, but {given!r} came in a list of heads."
        ) from None


def switched_off(model: AttentionModel, off: Heads) -> SwitchedOff:
    """What is told of them with a run. Raises BadSelection for a stack that the model does not have."""
    wanted = distinct(off)
    if not wanted.heads:
        return SwitchedOff()
    stack, instead = gated_stack(model, wanted.stack), wanted.instead
    if instead is None:
        return SwitchedOff(wanted.heads, stack)
    return SwitchedOff(wanted.heads, stack, instead.stood_in, instead.source)


def gates(model: AttentionModel, off: Heads) -> dict[int, Gate]:
    """Gate per attention call of the forward pass. Raises BadSelection for heads or stacks that the model does not have."""
    wanted = distinct(off)
    if not wanted.heads:
        return {}
    demand_gates(model)
    stack = gated_stack(model, wanted.stack)
    keeps: dict[int, Tensor] = {}
    for layer, head in wanted.heads:
        calls = model.plan.calls_of(stack, layer)
        heads = model.plan.sites[calls[0]].heads if calls else 0
        if not 0 <= head < heads:
            raise BadSelection(_no_such_head(model, stack, layer, head, heads))
        for call in calls:
            keeps.setdefault(call, torch.ones(heads, device=model.device, dtype=torch.float32))[head] = 0.0
    return {call: Gate(keep, _instead(wanted, call)) for call, keep in keeps.items()}


def known_hops(model: AttentionModel, hops: Iterable[int]) -> tuple[int, ...]:
    """Hops of a memory network, each once and in order. Raises BadSelection for those that the model does not have."""
    wanted = tuple(sorted({_hop(hop) for hop in _listed(hops)}))
    if not wanted:
        return ()
    if "memory" not in model.plan.stacks:
        raise BadSelection(
            f"{model.name} is no memory network, so it has no hops to switch off; give heads_off."
        )
    config: Any = model.module.config
    for hop in wanted:
        if not 0 <= hop < config.hops:
            raise BadSelection(
                f"Hop {hop} cannot be switched off: {model.name} has {config.hops} hops, counted from 0."
            )
    return wanted


def hop_gates(model: AttentionModel, hops: tuple[int, ...]) -> dict[int, Gate]:
    """Gate on the one call of a memory network: nothing of what these hops read goes on."""
    if not hops:
        return {}
    (call,) = model.plan.calls_of("memory", 0)
    off = torch.zeros(model.plan.sites[call].heads, device=model.device, dtype=torch.float32)
    return {call: Gate(off, queries=hops)}


def _hop(given: Any) -> int:
    try:
        return operator.index(given)
    except TypeError:
        raise BadSelection(f"A hop is given as a whole number from 0, but {given!r} came.") from None


def gated_stack(model: AttentionModel, stack: str | None = None) -> str:
    """The stack whose heads are meant. Raises BadSelection where the model does not have it."""
    stacks = model.plan.stacks
    if stack is None:
        return "decoder" if "decoder" in stacks else stacks[0]
    if stack not in stacks:
        raise BadSelection(f"{model.name} has no heads in a stack “{stack}”: choose {' or '.join(stacks)}.")
    return stack


def demand_gates(model: AttentionModel) -> None:
    """Raise BadSelection where single heads cannot be switched off."""
    if model.plan.route == "eager":
        raise BadSelection(
            f"{model.name} computes attention outside transformers' attention registry, so single heads cannot be "
            "switched off; choose another model."
        )


def _instead(wanted: HeadsOff, call: int) -> Tensor | None:
    return None if wanted.instead is None else wanted.instead.per_call[call]


def _no_such_head(model: AttentionModel, stack: str, layer: int, head: int, heads: int) -> str:
    has = f"{model.name} has {model.plan.layers(stack)} layers"
    if heads:
        return f"L{layer} H{head} cannot be switched off: {has} and layer {layer} has {heads} heads, both counted from 0."
    return f"L{layer} H{head} cannot be switched off: {has}, counted from 0."
