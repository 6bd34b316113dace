"""What the attention layers of a model see on a calibration text: the moments of their inputs and of their queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float64
from torch import Tensor, nn

from models.errors import BadText
from models.private_copy import private_copy
from models.progress import Progress, no_progress
from models.run.inputs import check_text, demand_rows, listed_texts
from models.run.model import AttentionModel, tokenizing

TEXT = Path(__file__).parent / "calibration.txt"
MOST_TOKENS = 16_384
CONTEXT = 512
BATCH = 4
CHARACTERS_PER_TOKEN = 16  # generously: English has about four
EXCERPT = 4_000  # characters in one piece of a text that is too long to be read whole
OFFSETS = 64  # between a query and a key, over which a query's moment is averaged


@dataclass(frozen=True, slots=True)
class LayerMoments:
    """Moments of one layer, float64, over the calibration tokens.

    mean [d_model], covariance [d_model, d_model]: of what enters the projections (after the norm).
    query [kv_head, d_head, d_head]: E[q q^T], summed over the query heads that read a key/value head, as that head's keys
    before the rotary embedding see the queries: turned by the distance between the two, averaged over distances.
    """

    mean: Float64[Tensor, " d_model"]
    covariance: Float64[Tensor, "d_model d_model"]
    query: Float64[Tensor, "kv_head d_head d_head"]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a model's layers see on a text. tokens: how many were read; source: which text, in a few words."""

    layers: tuple[LayerMoments, ...]
    tokens: int
    source: str


def needed_tokens(model: AttentionModel) -> int:
    """The fewest calibration tokens that say something of every direction of the model's width: two for each."""
    return 2 * model.geometry.d_model


def calibrate(
    model: AttentionModel,
    texts: str | Sequence[str] | None = None,
    *,
    max_tokens: int = MOST_TOKENS,
    progress: Progress = no_progress,
) -> Calibration:
    """Run calibration texts through a decoder once and keep the moments of what its attention layers see.

    texts: one or several; None for the text that comes with Headlight, read again from other places where it is too short.
    At most max_tokens are read, in windows of 512 tokens spread evenly over the texts. Raises BadText where the texts have
    fewer than `needed_tokens`. The model is not changed; an exception from `progress` ends the work.
    """
    rows = _rows(model, texts, max_tokens)
    private = private_copy(model.module)
    body: Any = private.base_model
    collected = [_Sums(layer.self_attn) for layer in body.layers]
    with torch.inference_mode():
        for start in range(0, len(rows), BATCH):
            progress(f"Reading the calibration text with {model.name}", start / len(rows))
            body(input_ids=rows[start : start + BATCH].to(model.device), use_cache=False)
        turns = _turns(body, rows.shape[1], model.geometry.d_head)
        layers = tuple(part.moments(model.geometry.kv_heads, turns) for part in collected)
    source = "the text that comes with Headlight" if texts is None else "texts that were given"
    return Calibration(layers, rows.numel(), source)


def _rows(model: AttentionModel, texts: str | Sequence[str] | None, most: int) -> Tensor:
    """Windows of one context, int64 [window, pos], evenly spread; they overlap where the texts do not fill them."""
    needed = needed_tokens(model)
    context = min(CONTEXT, model.geometry.context or CONTEXT)
    given = [TEXT.read_text("utf-8")] if texts is None else listed_texts(texts)
    room = CHARACTERS_PER_TOKEN * max(most, needed) // len(given)
    ids = token_row(model, [excerpt(text, room) for text in given])
    if texts is None:  # other beginnings: the same words at other places
        wanted = max(needed, min(len(ids), most))
        ids = torch.cat([ids.roll(-97 * turn) for turn in range(-(-wanted // len(ids)))])[:wanted]
    if len(ids) < needed:
        raise BadText(
            f"The calibration text has {len(ids):,} tokens, but {model.name} needs at least {needed:,}, two for each of "
            f"its {model.geometry.d_model} dimensions: give a longer text, or none for the one that comes with Headlight."
        )
    width = min(context, len(ids))
    count = -(-min(len(ids), max(most, needed)) // width)
    starts = torch.linspace(0, len(ids) - width, count, dtype=torch.float32).long().tolist()
    return torch.stack([ids[start : start + width] for start in starts])


def token_row(model: AttentionModel, texts: str | Sequence[str]) -> Tensor:
    """All texts as one row of token ids, int64 [token]. Raises BadText for what no tokenizer can read."""
    parts = []
    for text in listed_texts(texts):
        check_text(text)
        with tokenizing(model) as tokenizer:
            ids = tokenizer(text, verbose=False)["input_ids"]
        demand_rows(model, ids)
        parts.append(torch.tensor(ids, dtype=torch.long))
    return torch.cat(parts)


def excerpt(text: str, characters: int) -> str:
    """The text, or where it is longer than that, pieces of it that are spread evenly and begin with a line."""
    if len(text) <= characters:
        return text
    count = -(-characters // EXCERPT)
    starts = (round(number * (len(text) - EXCERPT) / count) for number in range(count))
    lines = (text.find("\n", start, start + EXCERPT // 2) + 1 or start for start in starts)
    return "\n".join(text[start : start + EXCERPT] for start in lines)


class _Sums:
    """Sums over the tokens that pass one attention layer."""

    def __init__(self, attention: Any) -> None:
        self.tokens, self.heads, self.width = 0, -1, int(attention.head_dim)
        self.total: Tensor | float = 0.0
        self.square: Tensor | float = 0.0
        self.query: Tensor | float = 0.0
        attention.q_proj.register_forward_hook(self._add)

    def _add(self, _: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        states = _double(given[0].flatten(0, -2))
        query = _double(output.flatten(0, -2).unflatten(-1, (-1, self.width)))
        self.tokens += len(states)
        self.total = self.total + states.sum(0)
        self.square = self.square + states.T @ states
        self.query = self.query + torch.einsum("phd,phe->hde", query, query)

    def moments(self, kv_heads: int, turns: Callable[[Tensor], Tensor]) -> LayerMoments:
        assert isinstance(self.total, Tensor)
        assert isinstance(self.square, Tensor)
        assert isinstance(self.query, Tensor)
        mean = self.total / self.tokens
        covariance = self.square / self.tokens - torch.outer(mean, mean)
        query = turns((self.query / self.tokens).cpu())
        grouped = query.unflatten(0, (kv_heads, -1)).sum(1)
        return LayerMoments(mean.cpu(), covariance.cpu(), grouped)


def _double(states: Tensor) -> Tensor:
    return (states.cpu() if states.is_mps else states).double()  # Apple's GPUs have no float64


def _turns(body: Any, context: int, width: int) -> Callable[[Tensor], Tensor]:
    """The function that averages E[R q q^T R^T] over the distances R by which a key may lie behind a query."""
    weight = next(body.parameters())
    distances = torch.linspace(
        0, context - 1, min(OFFSETS, context), device=weight.device, dtype=torch.float32
    ).round()[None]
    cos, sin = body.rotary_emb(weight.new_zeros(1, dtype=torch.float32), distances)
    cos, sin = cos[0].cpu().double(), sin[0].cpu().double()
    identity = torch.eye(width, dtype=torch.float64)
    half = torch.cat([-identity[width // 2 :], identity[: width // 2]])  # rotate_half as a matrix
    turned = cos[..., None] * identity + sin[..., None] * half  # [distance, d_head, d_head]

    def average(moment: Tensor) -> Tensor:
        # (R_i q)^T (R_j k) = (R_(i-j) q)^T k: a key sees the query turned by the distance
        return torch.einsum("nde,hef,ngf->hdg", turned, moment, turned) / len(turned)

    return average
