"""The window of local attention, counted by hand."""

import pytest
import torch

from models.classic.answering import DateAnswer
from models.classic.local_reading import LocalReading
from models.classic.window_use import window_use


def test_places_lost_weight_and_distance():
    """Three steps over five places: centres 1, 1.5 and 4."""
    weights = torch.tensor([[0.2, 0.3, 0.1, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.25]])
    closeness = torch.tensor(
        [[0.5, 1.0, 0.5, 0.0, 0.0], [0.0, 0.9, 0.9, 0.0, 0.0], [0.0, 0.0, 0.0, 0.5, 1.0]]
    )
    answer = DateAnswer("abcd", "12", torch.ones(3), weights[None, None])
    reading = LocalReading(answer, torch.tensor([1.0, 1.5, 4.0]), 1, closeness)
    use = window_use(reading, [(0, 2), (3, 5)])
    assert use.places == 5
    assert use.inside.tolist() == [3, 2, 2]
    assert use.lost.tolist() == pytest.approx([0.4, 0.0, 0.75], abs=1e-6)
    assert use.distance == (0.0, 1.5, None)
    behind = window_use(reading, [(0, 1), None, (1, 2), (2, 3)])
    assert behind.distance == (1.0, None, 3.0)
