"""Spearman's correlation against pandas' own, and cases that can be worked out by hand."""

import math

import pandas as pd
import pytest
import torch

from models.pruning.rank_agreement import rank_agreement, ranks


def test_places_begin_with_the_highest_and_equal_values_share_theirs():
    assert ranks(torch.tensor([3.0, 9.0, 3.0, -1.0])).tolist() == [2.5, 1.0, 2.5, 4.0]


def test_the_agreement_is_pandas_own():
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(5, 7, generator=generator)
    second = (first + torch.randn(5, 7, generator=generator)).mul(2).round()  # with ties
    frame = pd.DataFrame({"first": first.flatten(), "second": second.flatten()})
    wanted = float(frame.corr(method="spearman").iloc[0, 1])
    assert 0.3 < wanted < 0.95
    assert rank_agreement(first, second) == pytest.approx(wanted, abs=1e-6)
    first[2, 3] = torch.nan
    left = float(frame.drop(index=2 * 7 + 3).corr(method="spearman").iloc[0, 1])
    assert rank_agreement(first, second) == pytest.approx(left, abs=1e-6)


def test_the_ends_of_the_scale():
    values = torch.tensor([[1.0, 2.0], [4.0, 8.0]])
    assert rank_agreement(values, values.exp()) == pytest.approx(1.0)
    assert rank_agreement(values, -values) == pytest.approx(-1.0)
    assert math.isnan(rank_agreement(values, torch.ones(2, 2)))
    assert math.isnan(rank_agreement(values[:1, :1], values[:1, :1]))
    with pytest.raises(ValueError, match="one shape"):
        rank_agreement(values, values[0])
