"""Small random recurrent models, and one text read by their equations alone: no batch, no padding, a step at a time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from models.classic.bottleneck import BottleneckConfig, BottleneckModel
from models.classic.hard import HardConfig, HardModel
from models.classic.local import LocalConfig, LocalModel
from models.classic.recurrent import RecurrentModel
from models.classic.soft import SoftConfig, SoftModel

# Sizes that differ wherever they can, so that swapped axes cannot pass.
SIZES: dict[str, Any] = {"vocab_size": 71, "embedding_size": 7, "hidden_size": 12, "attention_size": 5}
KINDS = {
    "none": (BottleneckConfig, BottleneckModel),
    "soft": (SoftConfig, SoftModel),
    "hard": (HardConfig, HardModel),
    "local": (LocalConfig, LocalModel),
}


def tiny(kind: str, seed: int = 0) -> Any:
    """With weights so large that attention is far from even."""
    config, model = KINDS[kind]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = model(config(**SIZES))
        for weight in made.parameters():
            nn.init.normal_(weight, std=0.7)
    return made.eval().requires_grad_(False)


def as_written(
    model: RecurrentModel, kind: str, source: list[int], target: list[int]
) -> tuple[Tensor, Tensor]:
    """Logits [target, vocab] and weights [target, source] by the papers' equations, written apart from the models."""
    embedding, gru, half = model.encoder.embedding.weight, model.encoder.gru, 6
    read = [embedding[token] for token in source]
    forward = _gru_states(read, *(getattr(gru, f"{name}_l0") for name in _NAMES), half)
    backward = _gru_states(read[::-1], *(getattr(gru, f"{name}_l0_reverse") for name in _NAMES), half)[::-1]
    annotations = [torch.cat(pair) for pair in zip(forward, backward, strict=True)]
    summary = torch.cat([forward[-1], backward[0]])
    state = torch.tanh(model.begin.weight @ summary + model.begin.bias)
    logits, rows = [], []
    for token in target:
        weights = _WEIGHTS[kind](model, state, annotations)
        weighed = [weight * h for weight, h in zip(weights, annotations, strict=True)]
        context = summary if kind == "none" else torch.stack(weighed).sum(0)
        cell, character = model.cell, embedding[token]
        state = _gru_step(
            torch.cat([character, context]), state, cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh
        )
        logits.append(model.readout.weight @ torch.cat([state, context, character]) + model.readout.bias)
        rows.append(torch.stack(weights))
    return torch.stack(logits), torch.stack(rows)


_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def _gru_step(given: Tensor, state: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor) -> Tensor:
    """Cho et al. 2014 (arXiv 1406.1078), equations 5 to 8, in PyTorch's order of gates: reset, update, new."""
    of_input, of_state = (w_ih @ given + b_ih).chunk(3), (w_hh @ state + b_hh).chunk(3)
    reset = torch.sigmoid(of_input[0] + of_state[0])
    update = torch.sigmoid(of_input[1] + of_state[1])
    new = torch.tanh(of_input[2] + reset * of_state[2])
    return (1 - update) * new + update * state


def _gru_states(read: list[Tensor], *weights_and_half: Any) -> list[Tensor]:
    *weights, half = weights_and_half
    state, states = torch.zeros(half), []
    for given in read:
        state = _gru_step(given, state, *weights)
        states.append(state)
    return states


def _additive(model: Any, state: Tensor, annotations: list[Tensor]) -> list[float]:
    """v . tanh(W s + U h), Bahdanau et al. 2014, appendix A.1.2."""
    part = model.attention.additive
    of_state = part.query.weight @ state + part.query.bias
    return [float(part.score.weight[0] @ torch.tanh(of_state + part.key.weight @ h)) for h in annotations]


def _soft(model: Any, state: Tensor, annotations: list[Tensor]) -> list[Tensor]:
    exponentials = [torch.tensor(score).exp() for score in _additive(model, state, annotations)]
    return [one / sum(exponentials) for one in exponentials]


def _hard(model: Any, state: Tensor, annotations: list[Tensor]) -> list[Tensor]:
    scores = _additive(model, state, annotations)
    return [torch.tensor(float(place == scores.index(max(scores)))) for place in range(len(scores))]


def _local(model: Any, state: Tensor, annotations: list[Tensor]) -> list[Tensor]:
    """Luong et al. 2015, equations 7, 9 and 10."""
    first, _, last = model.attention.place
    reach, length = model.config.window, len(annotations)
    centre = (length - 1) * torch.sigmoid(last.weight[0] @ torch.tanh(first.weight @ state + first.bias))
    near = [place for place in range(length) if abs(place - float(centre)) <= reach]
    scores = _additive(model, state, annotations)
    total = sum(torch.tensor(scores[place]).exp() for place in near)
    return [
        torch.tensor(scores[place]).exp()
        / total
        * torch.exp(-((place - centre) ** 2) / (2 * (reach / 2) ** 2))
        if place in near
        else torch.tensor(0.0)
        for place in range(length)
    ]


_WEIGHTS = {
    "none": lambda model, state, annotations: [torch.tensor(0.0)] * len(annotations),
    "soft": _soft,
    "hard": _hard,
    "local": _local,
}
