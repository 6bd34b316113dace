"""Validation loss: one number per model, the same windows for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.errors import BadText
from models.shape.family import CONTEXT


def windows(tokens: NDArray[np.uint16], most: int | None = None) -> Tensor:
    """Windows of one context that do not overlap, int64 [window, pos]; `most` takes that many, evenly spread.

    Raises BadText where there is not one.
    """
    count = len(tokens) // CONTEXT
    if not count:
        raise BadText(
            f"The validation text has {len(tokens)} tokens, but one context of {CONTEXT} is the least: give a longer text."
        )
    whole = torch.from_numpy(tokens[: count * CONTEXT].astype(np.int64)).view(count, CONTEXT)
    if most is None or most >= count:
        return whole
    return whole[torch.linspace(0, count - 1, most).long()]


@torch.inference_mode()
def validation_loss(model: nn.Module, rows: Tensor, batch: int = 8) -> float:
    """Mean loss in nats per token, over all tokens of each window but its first, which nothing predicts.

    rows: int64 [window, pos]. The model is left in the mode it came in.
    """
    device = next(model.parameters()).device
    total = 0.0
    with _evaluating(model):
        for part in rows.split(batch):
            ids = part.to(device)
            output: Any = model(input_ids=ids, use_cache=False)
            predicted = output.logits[:, :-1].flatten(0, 1).float()
            total += nn.functional.cross_entropy(predicted, ids[:, 1:].flatten(), reduction="sum").item()
    return total / (rows.shape[0] * (rows.shape[1] - 1))


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    before = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(before)
