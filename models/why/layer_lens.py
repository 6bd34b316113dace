"""What the model would say after each of its layers, were it the last (logit lens)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from models.errors import BadSelection
from models.look.captured import Candidate, Capture
from models.run.model import AttentionModel
from models.why.residual_stream import ResidualStream, residual_stream

BLOCK = 64  # positions whose logits are held at once


@dataclass(frozen=True, eq=False)
class LogitLens:
    """Predictions read off the residual stream in front of the first layer (row 0) and after each.

    positions: of the text, in the order of the second axis. top_ids, top_probabilities [row, pos, k], likeliest first. entropy
    [row, pos], nats. answer_ids [pos]: what the whole model says at each position; answer_rank [row, pos], 0 where it leads;
    answer_probability [row, pos]. The final norm works anew on each row, unlike in `contributions`.
    Source: nostalgebraist 2020, "interpreting GPT: the logit lens" (lesswrong.com/posts/AcKRB8wDpdaN6v6ru).
    """

    positions: tuple[int, ...]
    top_ids: Int64[Tensor, "row pos k"]
    top_probabilities: Float32[Tensor, "row pos k"]
    entropy: Float32[Tensor, "row pos"]
    answer_ids: Int64[Tensor, " pos"]
    answer_rank: Int64[Tensor, "row pos"]
    answer_probability: Float32[Tensor, "row pos"]
    run: Capture

    def top(self, row: int, position: int) -> tuple[Candidate, ...]:
        """The likeliest tokens of a row at the n-th of the positions."""
        ids: list[int] = self.top_ids[row, position].tolist()
        return tuple(
            map(Candidate, self.run.vocabulary(ids), ids, self.top_probabilities[row, position].tolist())
        )

    def leads_from(self, position: int) -> int:
        """The first row from which on the answer leads at the n-th of the positions: 0, or the number of layers run by then."""
        behind = self.answer_rank[:, position].gt(0).nonzero()
        return 0 if not len(behind) else int(behind[-1]) + 1


@torch.inference_mode()
def lens(
    model: AttentionModel,
    text: str | Capture | ResidualStream,
    positions: Iterable[int] | None = None,
    k: int = 5,
) -> LogitLens:
    """Read predictions off the residual stream after every layer. positions: None for all. text: as of `contributions`.

    Raises BadSelection, BadText, TextTooLong, UnsupportedModel.
    """
    stream = residual_stream(model, text)
    places = range(len(stream.run.tokens)) if positions is None else [stream.place(one) for one in positions]
    vocabulary = stream.logits.shape[1]
    if not 1 <= k <= vocabulary:
        raise BadSelection(f"A list of {k} tokens cannot be made; give a k from 1 to {vocabulary:,}.")
    if not places:
        raise BadSelection("No position came; give one or more, or None for all.")
    answers = stream.logits[list(places)].argmax(-1)
    states = [stream.embedding, *(block.after for block in stream.blocks)]
    rows = [_row(model, stream, state[list(places)], answers, k) for state in states]
    ids, probabilities, entropy, rank, answer = (
        torch.stack(column).cpu() for column in zip(*rows, strict=True)
    )
    return LogitLens(tuple(places), ids, probabilities, entropy, answers.cpu(), rank, answer, stream.run)


def _row(
    model: AttentionModel, stream: ResidualStream, states: Tensor, answers: Tensor, k: int
) -> tuple[Tensor, ...]:
    """Of one layer: top ids and probabilities [pos, k], entropy, rank and probability of the answer [pos]."""
    parts: list[tuple[Tensor, ...]] = []
    for block, own in zip(states.split(BLOCK), answers.split(BLOCK), strict=True):
        logs = stream.readout.logits_of(model, block).log_softmax(-1)
        best, answer = logs.topk(k), logs.gather(-1, own[:, None])
        entropy = -(logs.exp() * logs).nan_to_num().sum(-1)
        parts.append((best.indices, best.values.exp(), entropy, (logs > answer).sum(-1), answer[:, 0].exp()))
    return tuple(torch.cat(column) for column in zip(*parts, strict=True))
