"""One annotation is what a weighted sum gives where all the weight is at one place; times are there for each length."""

import torch
from torch.nn.functional import one_hot

from models.classic.reading_cost import numbers_read, read_all, read_one, reading_times


def test_all_are_weighed_and_one_is_taken():
    annotations = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]], [[0.0, 1.0], [2.0, 0.0], [4.0, 8.0]]])
    weights = torch.tensor([[0.5, 0.25, 0.25], [0.0, 0.5, 0.5]])
    assert read_all(weights, annotations).tolist() == [[2.5, 3.75], [3.0, 4.0]]
    place = torch.tensor([2, 0])
    assert read_one(place, annotations).tolist() == [[5.0, 7.0], [0.0, 1.0]]
    assert torch.equal(read_one(place, annotations), read_all(one_hot(place, 3).float(), annotations))


def test_a_step_reads_as_many_numbers_as_it_looks_at_places():
    assert numbers_read(128, 31) == 3_968
    assert numbers_read(128, 1) == 128


def test_each_length_is_timed():
    told: list[float] = []
    found = reading_times(6, (3, 11), repeats=2, progress=lambda _, share: told.append(share))
    assert [one.places for one in found] == [3, 11]
    assert all(min(one.all_s, one.one_s, one.scores_s, one.ratio) > 0 for one in found)
    assert told == [0.0, 0.5, 1.0]
