"""What one head wrote at a position, said in tokens."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from models.errors import BadSelection
from models.look.captured import Capture
from models.run.model import AttentionModel
from models.why.block_writes import projection
from models.why.readout import language_head
from models.why.residual_stream import ResidualStream, residual_stream


@dataclass(frozen=True, slots=True)
class TokenLift:
    """A token, and by how many logits it was raised directly, less the mean over the vocabulary."""

    token: str
    token_id: int
    logits: float


@dataclass(frozen=True, slots=True)
class HeadWrite:
    """The tokens that a head's write at a position raises and lowers most, strongest first.

    Through the final norm, whose statistics of this pass are held fixed: a token's number is what `contributions(token,
    against="mean")` says of the head. norm: length of what it wrote into the residual stream.
    Source: Elhage et al. 2021 (transformer-circuits.pub/2021/framework), "OV circuit".
    """

    layer: int
    head: int
    position: int
    raises: tuple[TokenLift, ...]
    lowers: tuple[TokenLift, ...]
    norm: float


@torch.inference_mode()
def writes(
    model: AttentionModel,
    text: str | Capture | ResidualStream,
    layer: int,
    head: int,
    position: int = -1,
    k: int = 10,
) -> HeadWrite:
    """What a head writes at a position, in tokens. text: as of `contributions`. Raises BadSelection, BadText."""
    stream = residual_stream(model, text)
    place, heads = stream.place(position), stream.run.heads(layer)
    if not 0 <= head < heads:
        raise BadSelection(
            f"Head {head} is out of range: layer {layer} has {heads} heads (0 to {heads - 1})."
        )
    if k < 1:
        raise BadSelection(f"A list of {k} tokens cannot be made; give k=1 or more.")
    block = stream.layers[layer]
    assert block.outputs is not None
    assert block.site is not None
    weight, _ = projection(model, str(block.site.output_projection))
    output = block.outputs[place].float().view(heads, -1)[head]
    written = block.passed_on(output @ weight.view(heads, -1, weight.shape[-1])[head], place)
    readout = stream.readout
    table, _ = language_head(model, readout.head_path)
    normed = readout.norm.linear(written, place) * (readout.factor * readout.head_factor)
    lifts = table.float() @ normed
    lifts = lifts - lifts.mean()

    def listed(largest: bool) -> tuple[TokenLift, ...]:
        best = lifts.topk(min(k, len(lifts)), largest=largest)
        ids: list[int] = best.indices.tolist()
        values: list[float] = best.values.tolist()
        return tuple(map(TokenLift, stream.run.vocabulary(ids), ids, values))

    return HeadWrite(layer, head, place, listed(True), listed(False), written.norm().item())
