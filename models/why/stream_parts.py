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
    directions: Float[Tensor, "row pos d_model"],
    positions: slice,
) -> Float32[Tensor, "part row"]:
    """What every part in front of a layer is along rows of directions, one at each of the positions, summed over these."""

    def measured(vectors: Tensor) -> Tensor:
        """[..., pos, d_model] as [..., row]."""
        return vectors.float().flatten(-2) @ directions.flatten(1).T

    found, rest = [measured(stream.embedding[positions])], directions.new_zeros(len(directions))
    for block in blocks_below(stream, layer):
        if block.site is None:
            rest = rest + measured(block.mlp[positions])
            continue
        weight, bias = projection(model, str(block.site.output_projection))
        found += [*measured(_written(block, weight, positions)), measured(block.mlp[positions])]
        rest = rest + measured(block.bias_written(bias, positions))
    return torch.stack([*found, rest])


def _written(block: BlockWrites, weight: Tensor, positions: slice) -> Float32[Tensor, "head pos d_model"]:
    """What each head of a block wrote into the stream."""
    assert block.site is not None
    assert block.outputs is not None
    heads = block.site.heads
    outputs = block.outputs[positions].float().unflatten(-1, (heads, -1)).transpose(0, 1)
    return block.passed_on(outputs @ weight.unflatten(0, (heads, -1)), positions)
