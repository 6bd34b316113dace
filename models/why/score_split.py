"""Why a head looks there: one score before the softmax, split over who wrote the query and who wrote the key."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float32
from torch import Tensor

from models.errors import BadSelection, UnsupportedModel
from models.look.captured import Capture
from models.run.attention_call import AttentionCall
from models.run.model import AttentionModel
from models.why.agreement import tolerance
from models.why.fixed_attention import FixedAttention
from models.why.residual_stream import ResidualStream, residual_stream
from models.why.stream_parts import Part, along, parts_below


@dataclass(frozen=True, eq=False)
class ScoreAnatomy:
    """One score before the softmax, scaling * query . key, split over the parts that its two sides read.

    parts: what the layer's stream is the sum of: embedding, each earlier head and MLP, and the rest: biases of these, of norms
    and of the projections to queries and keys. query_side, key_side [part]: the other side held as it is; each adds up to the
    score. pairs [part, part]: query's part by key's; it adds up to either side. Norms are held fixed, those of queries, keys
    and latents (MLA) too; rotary embedding is in all of it. score: the model's own, before soft cap, position bias and mask.
    centred: whether the mean over the keys that this query sees is taken off, which the softmax does not know.
    Source: Elhage et al. 2021 (transformer-circuits.pub/2021/framework), "QK circuit" and Q- and K-composition.
    """

    layer: int
    head: int
    query: int
    key: int
    parts: tuple[Part, ...]
    query_side: Float32[Tensor, " part"]
    key_side: Float32[Tensor, " part"]
    pairs: Float32[Tensor, "part part"]
    score: float
    centred: bool


def score_anatomy(
    model: AttentionModel,
    text: str | Capture | ResidualStream,
    layer: int,
    head: int,
    query: int,
    key: int,
    *,
    centred: bool = False,
) -> ScoreAnatomy:
    """Split the score of a query and a key that it sees. text: as of `contributions`.

    centred: less the mean over all keys that the query sees: what makes this key stand out from the others.
    Raises BadSelection, BadText, TextTooLong, UnsupportedModel where the parts do not add up to the model's own score.
    """
    stream = residual_stream(model, text)
    own, row, column = _call(stream, layer, head), stream.place(query), stream.place(key)
    seen = own.visible(slice(row, row + 1))
    seen = seen[head if len(seen) > 1 else 0, 0]
    if not seen[column]:
        raise BadSelection(
            f"The token at {row} does not see the one at {column} in L{layer} H{head}, so there is no score; choose a key "
            "that it sees."
        )
    sides = _Sides(model, stream, layer, head, own)
    weights = torch.zeros_like(seen, dtype=torch.float32)
    weights[column] = 1.0
    if centred:
        weights = weights - seen.float() / seen.sum()
    with torch.enable_grad():
        found = sides.split(row, weights)
    anatomy = ScoreAnatomy(
        layer, head, row, column, parts_below(stream, layer), *found, sides.score(row, weights), centred
    )
    _demand_sum(model, anatomy, sides.scale(row, seen))
    return anatomy


@dataclass(eq=False)
class _Sides:
    """What one head's queries and keys are made of in one pass."""

    model: AttentionModel
    stream: ResidualStream
    layer: int
    head: int
    own: AttentionCall

    def split(self, row: int, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Query side, key side and pairs of the score with a weighted sum of keys [key]."""
        heard = self.stream.layers[self.layer].called
        assert heard is not None
        attention = FixedAttention(self.model, heard)
        given = heard.given.clone().requires_grad_()
        call, at_rest = attention.call(given), attention.call(torch.zeros_like(given))
        one, many, kv = slice(row, row + 1), slice(0, row + 1), call.kv_head(self.head)
        queries, keys = call.query[self.head].float(), call.key[kv].float()
        asked, made = queries[row], (weights[:, None] * keys)
        query_parts = self._sided(given, asked, one, at_rest.query[self.head][row].float()[:, None])
        rested = (weights[:, None] * at_rest.key[kv].float())[many].T
        key_parts = self._sided(given, made.sum(0), many, rested)
        fixed_query, fixed_key = asked.detach(), made.sum(0).detach()
        pairs = query_parts @ key_parts.T * self.own.scaling
        return (
            (query_parts @ fixed_key * self.own.scaling).cpu(),
            (key_parts @ fixed_query * self.own.scaling).cpu(),
            pairs.cpu(),
        )

    def _sided(self, given: Tensor, vector: Tensor, positions: slice, at_rest: Tensor) -> Tensor:
        """Each part's share in a vector [d_head] that is linear in what attention reads at some positions: [part, d_head].

        at_rest: what biases alone give of it at these positions [d_head, pos].
        """
        eye = torch.eye(len(vector), device=vector.device, dtype=vector.dtype)
        (gradient,) = torch.autograd.grad(vector, given, eye, retain_graph=True, is_grads_batched=True)
        with torch.no_grad():
            directions = gradient[:, positions].float()
            biases = at_rest.sum(-1)
            for norm in self.stream.layers[self.layer].reads:
                biases = biases + (directions @ norm.bias).sum(-1)
                directions = norm.pulled_back(directions, positions)
            parts = along(self.model, self.stream, self.layer, directions, positions)
            parts[-1] += biases
        return parts

    def score(self, row: int, weights: Tensor) -> float:
        """The captured score with the same sum of keys."""
        return (self._scores(row) @ weights).item()

    def scale(self, row: int, seen: Tensor) -> float:
        """The largest score among the keys that are seen."""
        return self._scores(row)[seen].abs().max().item()

    def _scores(self, row: int) -> Tensor:
        key = self.own.key[self.own.kv_head(self.head)].float()
        return key @ self.own.query[self.head, row].float() * self.own.scaling


def _call(stream: ResidualStream, layer: int, head: int) -> AttentionCall:
    heads = stream.run.heads(layer)
    if not 0 <= head < heads:
        raise BadSelection(
            f"Head {head} is out of range: layer {layer} has {heads} heads (0 to {heads - 1})."
        )
    if stream.layers[layer].called is None:
        raise UnsupportedModel(
            f"The layers of {stream.run.model_name} read more than their residual stream through a norm, so their scores "
            "cannot be split; choose another model."
        )
    call = stream.run.layers_of["decoder"][layer].attention
    assert isinstance(call, AttentionCall)
    return call


def _demand_sum(model: AttentionModel, found: ScoreAnatomy, scale: float) -> None:
    for side in (found.query_side.sum(), found.key_side.sum(), found.pairs.sum()):
        if not abs(side.item() - found.score) <= tolerance(model.dtype) * scale:
            raise UnsupportedModel(
                f"The parts of a score of {model.name} ({type(model.module).__name__}) add up to {side.item():.6g}, but its "
                f"own is {found.score:.6g}, so its split is not shown; choose another model."
            )
