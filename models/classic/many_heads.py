"""What several heads see that one does not: places looked at in one step, how far, and what is lost without each head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from models.look.capturing import capture, capture_with_logits
from models.look.token_losses import losses_of
from models.run.head_gates import HeadsOff
from models.run.inputs import Encoded, encode_pair
from models.run.model import AttentionModel
from models.shape.removed_heads import Head


@dataclass(frozen=True, slots=True)
class PlacesAtOnce:
    """Different places that are looked at most in one step. per_layer: by a layer's heads; together: by all of them.

    One head looks at one place most, so it has 1 in every step.
    """

    per_layer: Int64[Tensor, "layer query"]
    together: Int64[Tensor, " query"]


@dataclass(frozen=True, slots=True)
class WithoutHeads:
    """Probability of each right character, given those before it: with all heads, and with each one's output zeroed."""

    whole: Float32[Tensor, " target"]
    without: Float32[Tensor, "layer head target"]

    @property
    def answer(self) -> float:
        """Probability of the whole right answer with all heads on, 0 to 1."""
        return self.whole.prod().item()

    @property
    def answers(self) -> Float32[Tensor, "layer head"]:
        """The same without each head."""
        return self.without.prod(-1)


def places_at_once(patterns: Float[Tensor, "layer head query key"]) -> PlacesAtOnce:
    """Counted in one text's patterns."""
    most = patterns.argmax(-1)
    per_layer = torch.stack([_different(layer) for layer in most])
    return PlacesAtOnce(per_layer, _different(most.flatten(0, 1)))


def mean_distance(patterns: Float[Tensor, "layer head pos pos"]) -> Float[Tensor, "layer head"]:
    """How far each head of self-attention looks on average, in tokens: sum_j a_ij |i - j|, mean over i."""
    place = torch.arange(patterns.shape[-1], dtype=patterns.dtype)
    return (patterns * (place[:, None] - place).abs()).sum(-1).mean(-1)


def aligned(
    patterns: Float[Tensor, "layer head target source"], origins: Sequence[tuple[int, int] | None]
) -> Float32[Tensor, "layer head"]:
    """Share of the steps in which each head looks most at a character that says the one to be written, 0 to 1.

    origins: (start, stop) of these, as DateSaid has them; steps of characters that the text says nowhere do not count.
    """
    most = patterns.argmax(-1)
    hits = [
        (span[0] <= most[..., step]) & (most[..., step] < span[1])
        for step, span in enumerate(origins)
        if span is not None
    ]
    return torch.stack(hits).float().mean(0)


def stack_patterns(
    model: AttentionModel, text: str, target: str, stack: str
) -> Float32[Tensor, "layer head query key"]:
    """Of every head of a stack ("encoder", "decoder", "cross"), for a text whose right answer is `target`. Raises BadText.

    Row i of the target's axis is of the step that foretells its character i: the first is the start mark's.
    """
    run = capture(model, source=text, target=target)
    return torch.stack([run.pattern(layer, stack=stack) for layer in range(run.layers(stack))])


def without_each_head(model: AttentionModel, text: str, target: str, stack: str) -> WithoutHeads:
    """One pass with all heads and one without each of the stack's; `target` is the right answer. Raises BadText."""
    encoded = encode_pair(model, text, target)
    layers = model.plan.layers(stack)
    heads = next(site.heads for site in model.plan.sites if site.stack == stack)
    off = [_right(model, encoded, [(layer, head)], stack) for layer in range(layers) for head in range(heads)]
    return WithoutHeads(_right(model, encoded, [], stack), torch.stack(off).unflatten(0, (layers, heads)))


def _right(model: AttentionModel, encoded: Encoded, heads: list[Head], stack: str) -> Tensor:
    """Probability of each character of the target behind its start mark, [target]."""
    _, logits = capture_with_logits(model, encoded, heads_off=HeadsOff(tuple(heads), stack))
    assert logits is not None, "what reads dates has a language head"
    return torch.exp(-losses_of(logits, encoded.ids["target"])[1:]).cpu()


def _different(places: Tensor) -> Tensor:
    """[head, query] to how many different places each query has, [query]."""
    ordered = places.sort(dim=0).values
    return 1 + (ordered[1:] != ordered[:-1]).sum(0)
