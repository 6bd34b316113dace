"""The parts that the residual stream in front of a layer is the sum of, and what each of them is along a direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Float32
from torch import Tensor

from models.run.model import AttentionModel
from models.why.block_writes import BlockWrites, projection
from models.why.residual_stream import ResidualStream


@dataclass(frozen=True, slots=True)
class Part:
    """What wrote into the stream. kind: "rest" for biases and for blocks without attention; layer, head: where it has them."""

    kind: Literal["embedding", "head", "mlp", "rest"]
    layer: int | None = None
    head: int | None = None

    def __str__(self) -> str:
        if self.kind == "head":
            return f"L{self.layer} H{self.head}"
        return f"L{self.layer} MLP" if self.kind == "mlp" else self.kind


def blocks_below(stream: ResidualStream, layer: int) -> tuple[BlockWrites, ...]:
    """The blocks that ran before a layer's."""
    place = next(i for i, block in enumerate(stream.blocks) if block is stream.layers[layer])
    return stream.blocks[:place]


def parts_below(stream: ResidualStream, layer: int) -> tuple[Part, ...]:
    """What a layer reads, in the order in which it was written; the rest last."""
    found = [Part("embedding")]
    for number in range(layer):
        found += [Part("head", number, head) for head in range(stream.run.heads(number))]
        found.append(Part("mlp", number))
    return (*found, Part("rest"))


def along(
    model: AttentionModel,
    stream: ResidualStream,
    layer: int,
    directions: Float[Tensor, "*row pos d_model"],
    positions: slice,
) -> Float32[Tensor, "part *row pos"]:
    """What every part in front of a layer is along a direction, one at each of the positions, or rows of such."""
    found = [(stream.embedding[positions].float() * directions).sum(-1)]
    rest = torch.zeros_like(found[0])
    for block in blocks_below(stream, layer):
        written = (block.mlp[positions].float() * directions).sum(-1)
        if block.site is None:
            rest = rest + written
            continue
        heads, biases = _attention_along(model, block, directions, positions)
        found += [*heads.unbind(-1), written]
        rest = rest + biases
    return torch.stack([*found, rest])


def _attention_along(
    model: AttentionModel, block: BlockWrites, directions: Tensor, positions: slice
) -> tuple[Tensor, Tensor]:
    """Of each head [..., pos, head], and of the biases behind them [..., pos]."""
    assert block.site is not None
    assert block.outputs is not None
    weight, bias = projection(model, str(block.site.output_projection))
    before = block.pulled_back(directions, positions)
    each = (before @ weight.T) * block.outputs[positions].float()
    heads = each.unflatten(-1, (block.site.heads, -1)).sum(-1)
    biases = block.norm_bias(directions, positions)
    return heads, biases if bias is None else biases + before @ bias
