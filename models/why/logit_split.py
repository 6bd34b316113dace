"""Who said it: a logit, or a difference of two, split over what the model's parts wrote (direct logit attribution)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float32
from torch import Tensor

from models.errors import UnsupportedModel
from models.look.captured import Capture
from models.run.attention_call import AttentionCall
from models.run.model import AttentionModel
from models.why.agreement import tolerance
from models.why.block_writes import BlockWrites, projection
from models.why.chosen_token import ChosenToken, chosen_token, named_token
from models.why.readout import language_head
from models.why.residual_stream import ResidualStream, residual_stream


@dataclass(frozen=True, eq=False)
class Contributions:
    """What each part of a model gave directly to a logit, in logits; they add up to it.

    "Directly": through the residual stream to the final norm, whose statistics of this pass are held fixed, and not through
    what later layers made of it. heads [layer, head]: by what each head wrote at the position, NaN where a layer has fewer.
    sources [layer, head, key]: the same of each token that the head read; over the keys it adds up to heads. mlps [layer].
    embedding: token and position. rest: biases of output projections, norms and head, and what blocks without attention wrote.
    logit: the model's own, before a final soft cap; less that of `against`, where that is a token, or less the mean of the
    vocabulary's where it is "mean". token, against: what was asked about. position: which token's prediction it is.
    Source: Elhage et al. 2021 (transformer-circuits.pub/2021/framework), "direct path" terms.
    """

    heads: Float32[Tensor, "layer head"]
    mlps: Float32[Tensor, " layer"]
    embedding: float
    rest: float
    sources: Float32[Tensor, "layer head key"]
    logit: float
    token: ChosenToken
    against: ChosenToken | str | None
    position: int

    @property
    def total(self) -> float:
        """The sum of all parts, which stands beside `logit`."""
        return self.heads.nansum().item() + self.mlps.sum().item() + self.embedding + self.rest

    @property
    def note(self) -> str:
        """What must be said of the tokens that were asked about; "" most often."""
        asked = [one for one in (self.token, self.against) if isinstance(one, ChosenToken)]
        return " ".join(one.note for one in asked if one.note)


@torch.inference_mode()
def contributions(
    model: AttentionModel,
    text: str | Capture | ResidualStream,
    token: str | int | None = None,
    against: str | int | None = None,
    position: int = -1,
) -> Contributions:
    """Split the logit of a token at a position over the parts of the model.

    text: a text, a capture, or its `residual_stream`, which saves the run. token: its text or id (of a text of several tokens
    the first); None: what the model says. against: a token whose logit is subtracted, or "mean" for the vocabulary's mean.
    Raises BadSelection, BadText, TextTooLong, UnsupportedModel where the parts do not add up to the model's own logit.
    """
    stream = residual_stream(model, text)
    place = stream.place(position)
    row = stream.logits[place].float()
    said = named_token(model, int(row.argmax())) if token is None else chosen_token(model, token, len(row))
    rival = against if against in (None, "mean") else chosen_token(model, against, len(row))
    unembedded, bias = _unembedding(model, stream, said, rival)
    direction = stream.readout.norm.pulled_back(unembedded, place)
    sources = [
        layer_sources(model, block, _call(stream.run, number), direction, place)
        for number, block in enumerate(stream.layers)
    ]
    found = Contributions(
        heads=padded([layer.sum(-1) for layer in sources]).cpu(),
        mlps=torch.stack([block.mlp[place].float() @ direction for block in stream.layers]).cpu(),
        embedding=(stream.embedding[place].float() @ direction).item(),
        rest=(_rest(model, stream, direction, place) + stream.readout.norm.bias @ unembedded + bias).item(),
        sources=padded(sources).cpu(),
        logit=_logit(row, said, rival),
        token=said,
        against=rival,
        position=place,
    )
    _demand_sum(model, found, row)
    return found


def _unembedding(
    model: AttentionModel, stream: ResidualStream, token: ChosenToken, against: ChosenToken | str | None
) -> tuple[Tensor, Tensor]:
    """The direction on what leaves the final norm that makes the logit [d_model], and the head's own bias in it."""
    readout = stream.readout
    weight, bias = language_head(model, readout.head_path)

    def less(table: Tensor) -> Tensor:
        own = table[token.token_id].float()
        if isinstance(against, ChosenToken):
            return own - table[against.token_id].float()
        return own if against is None else own - table.float().mean(0)

    row = less(weight) * readout.factor * readout.head_factor
    return row, row.new_zeros(()) if bias is None else less(bias) * readout.factor


def layer_sources(
    model: AttentionModel, block: BlockWrites, call: AttentionCall, direction: Tensor, position: int
) -> Float32[Tensor, "head key"]:
    """What each head of a layer wrote at a position along a direction of the residual stream, by each token that it read."""
    assert block.site is not None
    assert block.site.output_projection is not None
    weight, _ = projection(model, block.site.output_projection)
    along = (weight @ block.pulled_back(direction, position)).view(call.heads, -1, 1)
    read = torch.bmm(call.per_head(call.value).float(), along)[..., 0]
    return call.weights(rows=slice(position, position + 1))[:, 0] * read


def _rest(model: AttentionModel, stream: ResidualStream, direction: Tensor, position: int) -> Tensor:
    """What biases behind the heads, and blocks without attention, wrote along a direction."""
    total = direction.new_zeros(())
    for block in stream.blocks:
        if block.site is None:
            total = total + block.mlp[position].float() @ direction
            continue
        _, bias = projection(model, str(block.site.output_projection))
        total = total + block.bias_written(bias, position) @ direction
    return total


def _logit(row: Tensor, token: ChosenToken, against: ChosenToken | str | None) -> float:
    own = row[token.token_id]
    if isinstance(against, ChosenToken):
        return (own - row[against.token_id]).item()
    return (own if against is None else own - row.mean()).item()


def _call(run: Capture, layer: int) -> AttentionCall:
    call = run.layers_of["decoder"][layer].attention
    assert isinstance(call, AttentionCall), "models on the registry keep the inputs of their calls"
    return call


def _demand_sum(model: AttentionModel, found: Contributions, row: Tensor) -> None:
    """Hold the sum against the model's own logit."""
    off, scale = abs(found.total - found.logit), row.abs().max().item()
    if not off <= tolerance(model.dtype) * scale:
        raise UnsupportedModel(
            f"The parts of {model.name} ({type(model.module).__name__}) add up to {found.total:.6g}, but its own logit is "
            f"{found.logit:.6g}, so its split is not shown; choose another model."
        )


def padded(layers: list[Tensor]) -> Tensor:
    """Of each layer [head, ...], of all [layer, head, ...]; NaN where a layer has fewer heads."""
    return torch.nn.utils.rnn.pad_sequence(layers, batch_first=True, padding_value=torch.nan)
