"""What heads can be measured on: texts with something to measure, and outputs that are numbers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from models.errors import BadSelection, BadText
from models.look.capturing import encode_for
from models.run.head_gates import demand_gates
from models.run.inputs import Encoded, listed_texts
from models.run.model import AttentionModel


def encoded_texts(
    model: AttentionModel, texts: str | Sequence[str], max_tokens: int | None, *, by_loss: bool
) -> tuple[Encoded, ...]:
    """Every text as the model reads it. by_loss: whether the loss will be measured, which a text of one token does not have.

    Raises BadText where there is no text, or none that can be measured on; TextTooLong.
    """
    encoded = tuple(encode_for(model, text, max_tokens=max_tokens) for text in listed_texts(texts))
    if by_loss and not any(has_loss(one) for one in encoded):
        raise BadText(
            "No text has a second token to foretell, so there is no loss; give a text of two words or more."
        )
    return encoded


def has_loss(encoded: Encoded) -> bool:
    """Whether there is a token that is foretold from another."""
    return len(encoded.predicted) > 1


def demand_prunable(model: AttentionModel) -> None:
    """Raise BadSelection where no heads can be switched off, or what that breaks cannot be measured."""
    demand_gates(model)
    demand_measured(model)


def demand_measured(model: AttentionModel) -> None:
    """Raise BadSelection where a model does not do something at each token that can be measured."""
    if model.geometry.role == "answerer":
        raise BadSelection(
            f"{model.name} answers a question by one word, so there is no loss of each token to measure; capture it with "
            "heads_off or hops_off to see what it answers without them."
        )


def demand_numbers(model: AttentionModel, values: Tensor, text: int) -> None:
    """Raise BadSelection where a measure on a text (counted from 0) is NaN, which can be neither averaged nor ranked."""
    if not values.isnan().any():
        return
    number_format = str(model.dtype).removeprefix("torch.")
    advice = (
        "leave that text out, or look whether the weights are whole"
        if model.dtype == torch.float32
        else f'it runs in {number_format}: load it with dtype="float32"'
    )
    raise BadSelection(
        f"{model.name} puts out what is no number (NaN) on text {text + 1}, so heads cannot be measured there; {advice}."
    )
