"""Which head is looked at: the one that the visitor has selected, or one that shows something."""

from __future__ import annotations

from collections.abc import Sequence

import torch

import models
from models.look.scores import ROLES
from viz.state import keys, session


def head_in_view(run: models.Capture, stack: str) -> tuple[int, int]:
    """The selected (layer, head), moved inside this run where it is outside; a telling one where none was chosen."""
    return common_head([run], stack)


def select_head(head: tuple[int, int]) -> None:
    """In a callback: have this (layer, head) in view, on every page."""
    session.put({keys.LAYER: head[0], keys.HEAD: head[1]})


def common_head(runs: Sequence[models.Capture], stack: str) -> tuple[int, int]:
    """The same for several runs of equal shape side by side."""
    layer, number = session.get(keys.LAYER), session.get(keys.HEAD)
    if layer is None or number is None:
        return telling_head(runs, stack)
    layer = min(layer, runs[0].layers(stack) - 1)
    return layer, min(number, runs[0].heads(layer, stack) - 1)


def telling_head(runs: Sequence[models.Capture], stack: str) -> tuple[int, int]:
    """Something to look at first: the strongest induction head in any of the runs, else the strongest previous-token head,
    else the head that comes nearest."""
    scores = [run.scores(stack) for run in runs]
    least = {name: share for _, name, share in ROLES}
    wanted = [("induction", least["induction"]), ("previous_token", least["previous_token"])]
    for name, above in [*wanted, ("induction", 0.0), ("previous_token", 0.0), ("entropy", 0.0)]:
        values = torch.stack([one.values[name].nan_to_num(-1.0) for one in scores]).amax(0)
        if values.max() > above:
            layer, number = divmod(int(values.argmax()), values.shape[1])
            return layer, number
    return 0, 0
