"""Tiles: the small picture of a head is its pattern, pooled."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from models.look import overview as overview_module
from models.look.capturing import capture
from models.look.overview import overview
from models.run.attention_call import AttentionCall
from models.run.records import FinishedPatterns, LayerRecord
from tests.models.engine_models import TEXT, engine

FOUR = torch.tensor([[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0, 0.25, 0.75, 0], [0.125, 0.125, 0.25, 0.5]])


def tiles(pattern: Tensor, size: int) -> Tensor:
    return overview([LayerRecord(FinishedPatterns(pattern[None]))], None, size).tiles[0, 0]


def drawn(heads: int, queries: int, keys: int, **changes) -> AttentionCall:
    generator = torch.Generator().manual_seed(heads)
    query, key = (torch.randn(heads, count, 5, generator=generator) for count in (queries, keys))
    return AttentionCall(query, key, key, scaling=1.5, causal=False, **changes)


def pooled(pattern: Tensor, size: int) -> Tensor:
    """Mean over a cell's queries of the sum over its keys, cell by cell, for [head, query, key]."""
    queries, keys = pattern.shape[1:]
    cells = torch.zeros(len(pattern), size, size)
    for i in range(size):
        rows = [q for q in range(queries) if q * size // queries == i]
        for j in range(size):
            columns = [k for k in range(keys) if k * size // keys == j]
            cells[:, i, j] = pattern[:, rows][:, :, columns].sum(2).mean(1)
    return cells


def test_four_tokens_in_four_cells():
    found = tiles(FOUR, 2)
    expected = [[(1 + 1) / 2, 0], [(0.25 + 0.25) / 2, (0.75 + 0.75) / 2]]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_four_tokens_at_their_own_size():
    torch.testing.assert_close(tiles(FOUR, 4), FOUR)


def test_four_tokens_in_more_cells_are_drawn_larger():
    """Each token fills two cells in each direction, and a weight is the same dark in all of them."""
    found = tiles(FOUR, 8)
    torch.testing.assert_close(found, FOUR.repeat_interleave(2, 0).repeat_interleave(2, 1))


@pytest.mark.parametrize(("queries", "keys", "size"), [(23, 23, 5), (31, 31, 8), (19, 13, 7), (32, 32, 32)])
def test_lengths_that_do_not_divide(queries, keys, size):
    call = drawn(3, queries, keys)
    found = overview([LayerRecord(call)], None, size).tiles[0]
    torch.testing.assert_close(found, pooled(call.weights(), size))
    torch.testing.assert_close(found.sum(-1), torch.ones(3, size))


def test_lengths_that_divide_are_what_torch_pools():
    call = drawn(2, 24, 24)
    found = overview([LayerRecord(call)], None, 6).tiles[0]
    torch.testing.assert_close(found, adaptive_avg_pool2d(call.weights(), 6) * 4)


def test_long_and_short_axes_together():
    """A cross-attention of 3 targets over 11 sources: rows are drawn larger, keys are put together."""
    call = drawn(2, 3, 11)
    found = overview([LayerRecord(call)], None, 5).tiles[0]
    rows = [0, 0, 1, 1, 2]
    keys = torch.arange(11) * 5 // 11
    expected = torch.zeros(2, 5, 5).index_add_(2, keys, call.weights()[:, rows])
    torch.testing.assert_close(found, expected)


def test_layers_with_fewer_heads_leave_empty_tiles():
    found = overview([LayerRecord(drawn(3, 9, 9)), LayerRecord(drawn(2, 9, 9))], None, 4).tiles
    assert found.shape == (2, 3, 4, 4)
    torch.testing.assert_close(found[1, :2], pooled(drawn(2, 9, 9).weights(), 4))
    assert found[1, 2].abs().sum() == 0


def test_progress_ends_at_one():
    told: list[tuple[str, float]] = []
    records = [LayerRecord(drawn(2, 9, 9))] * 3
    overview(records, None, 4, lambda message, share: told.append((message, share)))
    assert [share for _, share in told] == pytest.approx([1 / 3, 2 / 3, 1])
    assert "layer 2" in told[-1][0]


@pytest.mark.parametrize("name", ["gpt2", "gemma2", "gpt_oss", "falcon", "bert"])
def test_a_capture_in_small_blocks(name, monkeypatch):
    """Long enough for several blocks, on classes with a window, a soft cap, sinks, and patterns of their own."""
    monkeypatch.setattr(overview_module, "BLOCK_ELEMENTS", 1)
    run = capture(engine(name), f"{TEXT}, one two three")
    assert len(run.tokens) > 16
    for layer in range(run.layers()):
        torch.testing.assert_close(run.tiles(5)[layer], pooled(run.pattern(layer), 5))


@pytest.mark.parametrize("name", ["t5", "bart"])
@pytest.mark.parametrize("stack", ["encoder", "decoder", "cross"])
def test_a_pair_in_small_blocks(name, stack, monkeypatch):
    monkeypatch.setattr(overview_module, "BLOCK_ELEMENTS", 1)
    run = capture(engine(name), source=TEXT, target=TEXT)
    assert min(len(run.source_tokens), len(run.target_tokens)) > 16
    for layer in range(run.layers(stack)):
        torch.testing.assert_close(run.tiles(5, stack)[layer], pooled(run.pattern(layer, stack=stack), 5))


def test_scores_come_from_the_same_walk_as_the_tiles():
    run = capture(engine("gpt2"), TEXT)
    assert run.tiles(6) is run.tiles(6)
    scores = run.scores()
    assert run.tiles(7).shape == (3, 6, 7, 7)
    assert run.scores() is scores
