"""Which attention call of a forward pass is which layer of which stack, found by watching one tiny pass at load.

The same pass is run once more with transformers' own eager attention, and the replayed patterns must agree with it: a
class whose attention is not what the engine replays is refused here, and never drawn wrongly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from models.errors import UnsupportedModel
from models.run.about_model import embedding_rows
from models.run.attention_call import AttentionCall
from models.run.eager import (
    agree,
    as_reported,
    eager_output,
    eager_patterns,
    finished_patterns,
    single_stack,
)
from models.run.forward_pass import forward_pass
from models.run.head_surgery import spread_out
from models.run.named_parts import named_parts
from models.run.own_attention import demand_truthful, use_eager
from models.run.own_call import tells_its_attention
from models.run.records import FinishedPatterns
from models.run.tap import ENGINES, Tap, tapped

SOURCE_TOKENS, TEXT_TOKENS = 11, 7  # different, so that cross-attention is told apart by its width
LETTERS = 0x250  # Unicode's first, for what reads characters and has no vocabulary


@dataclass(frozen=True, slots=True)
class Site:
    """One attention call of the forward pass.

    layer counts the stack's attention layers from 0, in the order they run; a companion call repeats the layer's
    queries and keys on other values (differential attention, arXiv 2410.05258) and belongs to the same layer.
    output_projection: name of the linear layer that reads the heads' outputs as they are, if there is one.
    """

    stack: str
    layer: int
    heads: int
    module: str
    output_projection: str | None = None
    companion: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The attention calls of a model, in the order they happen.

    route: "registry" (queries and keys are kept), "own" (a class of the engine's own tells the tap its patterns, which are no
    scaled dot products) or "eager" (the model only gives its own finished patterns, and its heads cannot be switched off).
    eager_difference: largest difference found at load to transformers' eager attention; None where it offers none.
    unseen: stacks whose attention the model computes on its own, unseen, beside others that are seen (LongT5's encoder).
    """

    route: str
    sites: tuple[Site, ...]
    eager_difference: float | None = None
    unseen: tuple[str, ...] = ()

    @property
    def stacks(self) -> tuple[str, ...]:
        """Names of the stacks that are seen, in the order in which they run."""
        return tuple(dict.fromkeys(site.stack for site in self.sites))

    def layers(self, stack: str) -> int:
        """How many layers with attention a stack has; 0 for one that is not there."""
        return sum(site.stack == stack and not site.companion for site in self.sites)

    def calls_of(self, stack: str, layer: int) -> tuple[int, ...]:
        """Indices of the calls that make up one layer."""
        return tuple(i for i, site in enumerate(self.sites) if (site.stack, site.layer) == (stack, layer))


@dataclass(slots=True)
class _Seen:
    """One watched call: the module that made it, its inputs and its output."""

    module: nn.Module
    call: AttentionCall | FinishedPatterns
    output: Tensor


def find_plan(module: PreTrainedModel, config: Any) -> Plan:
    """Watch one small forward pass of `module` and name its attention calls.

    Raises UnsupportedModel where there is no attention to see, or where the replay disagrees with transformers' own.
    """
    inputs = _probe_inputs(module, config)
    if tells_its_attention(module):
        return _own_plan(module, inputs)
    if config._attn_implementation not in ENGINES:
        return _eager_plan(module, inputs)
    seen, readers = _watch(module, inputs)
    if not seen:
        raise UnsupportedModel(
            f"{type(module).__name__} made no attention call that can be seen, so there are no heads to show; "
            "choose a model with softmax attention."
        )
    sites = _name_sites(module, seen, readers)
    eager = eager_output(spread_out(module), inputs)
    seen_stacks = {site.stack for site in sites}
    unseen = tuple(name for name in _expected_stacks(module) if name not in seen_stacks)
    return Plan("registry", sites, _difference_to_eager(module, eager, sites, seen), unseen)


def _probe_inputs(module: PreTrainedModel, config: Any) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    vocabulary = getattr(config.get_text_config(), "vocab_size", None) or embedding_rows(module) or LETTERS

    def ids(count: int) -> Tensor:
        drawn = torch.randint(vocabulary // 2, vocabulary, (1, count), generator=generator)
        return drawn.to(module.device)

    if config.is_encoder_decoder:
        source, target = ids(SOURCE_TOKENS), ids(TEXT_TOKENS)
        return {"input_ids": source, "attention_mask": torch.ones_like(source), "decoder_input_ids": target}
    text = ids(SOURCE_TOKENS)
    return {"input_ids": text, "attention_mask": torch.ones_like(text)}


def _watch(module: PreTrainedModel, inputs: dict[str, Tensor]) -> tuple[list[_Seen], dict[int, str]]:
    """The calls of one pass, and for each call the linear layer that next reads its output unchanged."""
    seen: list[_Seen] = []
    readers: dict[int, str] = {}

    def observe(caller: nn.Module, call: AttentionCall | FinishedPatterns, output: Tensor) -> None:
        seen.append(_Seen(caller, call, output[0]))

    def reader(name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def hook(_: nn.Module, args: tuple[Any, ...]) -> None:
            if seen and args and len(seen) - 1 not in readers and _same_content(args[0], seen[-1].output):
                readers[len(seen) - 1] = name

        return hook

    linear: list[tuple[str, nn.Module]] = [
        (name, part) for name, part in named_parts(module) if getattr(part, "weight", None) is not None
    ]
    hooks = [
        part.register_forward_pre_hook(reader(name))
        for name, part in linear
        if not list(part.children()) and name
    ]
    try:
        with tapped(Tap(observer=observe)):
            forward_pass(module, inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return seen, readers


def _same_content(given: Any, output: Tensor) -> bool:
    if not isinstance(given, Tensor) or given.numel() != output.numel():
        return False
    return torch.equal(given.reshape(-1), output.reshape(-1).to(given.dtype))


def _name_sites(module: PreTrainedModel, seen: list[_Seen], readers: dict[int, str]) -> tuple[Site, ...]:
    names = {id(part): name for name, part in named_parts(module)}
    in_encoder = _encoder_modules(module)
    counts: dict[str, int] = {}
    sites: list[Site] = []
    for index, item in enumerate(seen):
        stack = _stack(module, item, id(item.module) in in_encoder)
        companion = index > 0 and _repeats(seen[index - 1], item)
        layer = counts.get(stack, 0) - 1 if companion else counts.get(stack, 0)
        counts[stack] = layer + 1
        sites.append(
            Site(stack, layer, item.call.heads, names[id(item.module)], readers.get(index), companion)
        )
    return tuple(sites)


def _encoder_modules(module: PreTrainedModel) -> set[int]:
    if not module.config.is_encoder_decoder:
        return set()
    untyped: Any = module
    return {id(part) for _, part in named_parts(untyped.get_encoder())}


def _stack(module: PreTrainedModel, item: _Seen, in_encoder: bool) -> str:
    if not module.config.is_encoder_decoder:
        return "decoder" if _looks_only_back(item.call) else "encoder"
    if in_encoder:
        return "encoder"
    return "cross" if item.call.keys == SOURCE_TOKENS else "decoder"


def _looks_only_back(call: AttentionCall | FinishedPatterns) -> bool:
    return not bool(torch.triu(call.visible()[0], diagonal=1).any())


def _repeats(before: _Seen, now: _Seen) -> bool:
    one, other = before.call, now.call
    if (
        before.module is not now.module
        or not isinstance(one, AttentionCall)
        or not isinstance(other, AttentionCall)
    ):
        return False
    return torch.equal(one.query, other.query) and torch.equal(one.key, other.key)


def _expected_stacks(module: PreTrainedModel) -> tuple[str, ...]:
    return ("encoder", "decoder", "cross") if module.config.is_encoder_decoder else ()


def _difference_to_eager(
    module: PreTrainedModel, eager: Any, sites: tuple[Site, ...], seen: list[_Seen]
) -> float | None:
    worst = 0.0
    for stack in dict.fromkeys(site.stack for site in sites):
        own = [seen[i].call for i, site in enumerate(sites) if site.stack == stack and not site.companion]
        ours = [call for call in own if isinstance(call, AttentionCall)]
        theirs = eager_patterns(eager, stack)
        if not theirs:
            return None
        worst = max(worst, _largest_difference(module, stack, ours, theirs))
    return worst


def _largest_difference(
    module: PreTrainedModel, stack: str, ours: list[AttentionCall], theirs: tuple[Tensor, ...]
) -> float:
    shapes = [(call.heads, call.queries, call.keys) for call in ours]
    if shapes != [tuple(eager.shape[1:]) for eager in theirs]:
        raise UnsupportedModel(
            f"{type(module).__name__} made {len(ours)} attention calls in its {stack}, but transformers' eager attention "
            f"reports {len(theirs)} layers or other sizes there, so heads cannot be matched to layers; this class is not "
            "supported."
        )
    pairs = [
        (as_reported(call, eager[0]), eager[0].float()) for call, eager in zip(ours, theirs, strict=True)
    ]
    worst = max((ours - theirs).abs().max().item() for ours, theirs in pairs)
    if not agree(pairs, module.dtype, has_own_input=stack != "cross"):
        raise UnsupportedModel(
            f"{type(module).__name__} does not compute its attention in the way that is replayed here: patterns "
            f"differ from transformers' eager attention by up to {worst:.2g}, so it is not shown."
        )
    return worst


def _own_plan(module: PreTrainedModel, inputs: dict[str, Tensor]) -> Plan:
    """Of a class of the engine's own, which may have no attention at all."""
    seen, _ = _watch(module, inputs)
    names = {id(part): name for name, part in named_parts(module)}
    layers = Counter[str]()
    sites: list[Site] = []
    for item in seen:
        told: Any = item.module
        sites.append(Site(told.stack, layers[told.stack], item.call.heads, names[id(item.module)]))
        layers[told.stack] += 1
    return Plan("own", tuple(sites))


def _eager_plan(module: PreTrainedModel, inputs: dict[str, Tensor]) -> Plan:
    use_eager(module, inputs)
    output = forward_pass(module, inputs, output_attentions=True)
    stacks = _expected_stacks(module) or (single_stack(output),)
    sites = [
        Site(stack, layer, pattern.shape[1], "")
        for stack in stacks
        for layer, pattern in enumerate(finished_patterns(output, stack, inputs))
    ]
    if not sites and any(eager_patterns(output, stack) for stack in stacks):
        raise UnsupportedModel(
            f"{type(module).__name__} returns attention over other pieces than the tokens of the whole text (a shortened text, "
            "or windows of it), which cannot be drawn from token to token; choose a model with softmax attention over tokens."
        )
    if not sites:
        raise UnsupportedModel(
            f"{type(module).__name__} neither uses transformers' attention registry nor returns attention weights, so "
            "there is nothing to show; choose a model with softmax attention."
        )
    demand_truthful(module, inputs, output)
    found = {site.stack for site in sites}
    return Plan("eager", tuple(sites), 0.0, tuple(stack for stack in stacks if stack not in found))
