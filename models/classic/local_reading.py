"""Where local attention looks in one text: the centre that it foretells at each step, and the window around it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float32
from torch import Tensor

from models.classic.answering import DateAnswer, written_dates
from models.classic.local import LocalModel, Window
from models.errors import BadSelection
from models.run.model import AttentionModel


@dataclass(frozen=True, slots=True)
class LocalReading:
    """centres: [target], p_t, in characters from 0. window: D, how far to either side of it the writer looks.

    closeness: [target, source], the factor that the Gaussian leaves of each weight, 0 outside of the window.
    """

    answer: DateAnswer
    centres: Float32[Tensor, " target"]
    window: int
    closeness: Float32[Tensor, "target source"]


def read_local(model: AttentionModel, text: str) -> LocalReading:
    """Where the model looks in a text that says a date. Raises BadText, BadSelection."""
    module = model.module
    if not isinstance(module, LocalModel):
        raise BadSelection(f"{model.name} foretells no place; choose classic-local.")
    module.demand_readable(text)
    seen: list[Window] = []
    (answer,) = written_dates(module, [text], seen=seen)
    rows = seen[: answer.patterns.shape[2]]
    centres = torch.cat([window.centre for window in rows]).float().cpu()
    closeness = torch.cat([window.closeness * window.inside for window in rows]).float().cpu()
    return LocalReading(answer, centres, module.config.window, closeness)
