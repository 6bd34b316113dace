"""Scores on patterns whose answer is known beforehand: heads that do one thing only, and a head that does nothing."""

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from models.look import overview as overview_module
from models.look.overview import overview
from models.look.scores import NAMES, Scores
from models.run.attention_call import AttentionCall
from models.run.records import FinishedPatterns, LayerRecord

# "A B C D E" twice and a tail: what followed the earlier copy is the copy's next token.
REPEATED = (7, 8, 9, 10, 11, 7, 8, 9, 10, 11, 7)
DISTINCT = (3, 4, 5, 6, 7, 8, 9)


def one_hot(keys: Sequence[int]) -> Tensor:
    """A head whose i-th query looks at keys[i] alone, [query, key]."""
    return torch.eye(len(keys))[list(keys)]


def previous(count: int) -> Tensor:
    return one_hot([max(pos - 1, 0) for pos in range(count)])


def even(count: int) -> Tensor:
    """A head that spreads its attention evenly over the past, [query, key]."""
    return torch.ones(count, count).tril() / torch.arange(1, count + 1)[:, None]


def finished(*heads: Tensor) -> LayerRecord:
    """These heads, and behind them an even one, which shows what a head may see."""
    return LayerRecord(FinishedPatterns(torch.stack([*heads, even(len(heads[0]))])))


def call(queries: int, keys: int | None = None, causal: bool = True, **changes) -> AttentionCall:
    """Two heads that look evenly at what they may see: all scores are 0."""
    keys = keys or queries
    return AttentionCall(
        torch.zeros(2, queries, 3), torch.zeros(1, keys, 3), torch.zeros(1, keys, 5), 1.0, causal, **changes
    )


def scores(*layers: LayerRecord, ids: Sequence[int] | None) -> Scores:
    return overview(layers, ids, 4).scores


def value(found: Scores, name: str, head: int = 0) -> float:
    return found.values[name][0, head].item()


def test_a_previous_token_head():
    found = scores(finished(previous(7)), ids=DISTINCT)
    assert value(found, "previous_token") == pytest.approx(1, abs=1e-6)
    assert value(found, "entropy") == pytest.approx(0, abs=1e-6)
    assert value(found, "self_attention") == pytest.approx(1 / 7)  # the first token has none before it
    assert value(found, "mean_distance") == pytest.approx(6 / 7)
    assert value(found, "first_token") == pytest.approx(1 / 6)  # the second token's previous one is the first
    assert found.role(0, 0) == "previous token"


def test_a_first_token_head():
    found = scores(finished(one_hot([0] * 7)), ids=DISTINCT)
    assert value(found, "first_token") == pytest.approx(1, abs=1e-6)
    assert value(found, "mean_distance") == pytest.approx(3.0)
    assert value(found, "previous_token") == pytest.approx(1 / 6)
    assert found.role(0, 0) == "first token"


def test_a_head_that_looks_at_itself():
    found = scores(finished(torch.eye(7)), ids=DISTINCT)
    assert value(found, "self_attention") == pytest.approx(1, abs=1e-6)
    assert value(found, "mean_distance") == pytest.approx(0, abs=1e-6)
    assert found.role(0, 0) == "self"


def test_an_induction_head_and_a_duplicate_token_head():
    follows = one_hot([0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6])
    copies = one_hot([0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5])
    found = scores(finished(follows, copies), ids=REPEATED)
    assert value(found, "induction", 0) == pytest.approx(1, abs=1e-6)
    assert value(found, "duplicate", 0) == pytest.approx(0, abs=1e-6)
    assert value(found, "induction", 1) == pytest.approx(0, abs=1e-6)
    assert value(found, "duplicate", 1) == pytest.approx(1, abs=1e-6)
    assert (found.role(0, 0), found.role(0, 1)) == ("induction", "duplicate token")


def test_both_earlier_copies_count():
    """The last token stands at 0, 5 and 10: what it gives to 1 and to 6 is induction, what to 5 a duplicate."""
    head = one_hot([0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6])
    head[10] = torch.tensor([0.125, 0.25, 0, 0, 0, 0.0625, 0.5, 0, 0, 0, 0.0625])
    found = scores(finished(head), ids=REPEATED)
    assert value(found, "induction") == pytest.approx((5 + 0.75) / 6)
    # The first token is left out of the duplicates, so queries 6 to 10 are those that count.
    assert value(found, "duplicate") == pytest.approx(0.0625 / 5)


def test_support_counts_the_queries_that_could_show_it():
    found = scores(finished(previous(11)), ids=REPEATED)
    assert found.support == {
        "entropy": 11,
        "mean_distance": 11,
        "first_token": 10,
        "previous_token": 10,
        "duplicate": 5,
        "induction": 6,
        "self_attention": 11,
    }


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("ids", [REPEATED, DISTINCT])
def test_an_even_head_scores_chance_exactly(causal, ids):
    found = scores(LayerRecord(call(len(ids), causal=causal)), ids=ids)
    for name in NAMES:
        torch.testing.assert_close(found.values[name], found.chance[name], rtol=1e-5, atol=0, equal_nan=True)
        assert found.values[name].isnan().all() == (found.support[name] == 0)
    assert found.role(0, 0) == ""


def test_chance_by_hand_causal():
    found = scores(LayerRecord(call(4)), ids=(5, 6, 5, 6))
    chance = {name: found.chance[name][0, 0].item() for name in NAMES}
    assert chance["entropy"] == pytest.approx((math.log(2) + math.log(3) + math.log(4)) / 4)
    assert chance["first_token"] == pytest.approx((1 / 2 + 1 / 3 + 1 / 4) / 3)
    assert chance["previous_token"] == pytest.approx((1 / 2 + 1 / 3 + 1 / 4) / 3)
    assert chance["self_attention"] == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert chance["mean_distance"] == pytest.approx((0 + 1 / 2 + 1 + 3 / 2) / 4)
    assert chance["induction"] == pytest.approx((1 / 3 + 1 / 4) / 2)
    assert chance["duplicate"] == pytest.approx(1 / 4)


def test_chance_by_hand_both_ways():
    found = scores(LayerRecord(call(4, causal=False)), ids=(5, 6, 5, 6))
    chance = {name: found.chance[name][0, 0].item() for name in NAMES}
    assert chance["entropy"] == pytest.approx(math.log(4))
    assert chance["mean_distance"] == pytest.approx((6 + 4 + 4 + 6) / 16)
    for name in ("first_token", "previous_token", "self_attention", "induction", "duplicate"):
        assert chance[name] == pytest.approx(1 / 4)


def test_chance_in_a_sliding_window():
    window = torch.ones(5, 5, dtype=torch.bool).tril().triu(-1)[None]
    found = scores(LayerRecord(call(5, causal=False, mask=window)), LayerRecord(call(5)), ids=DISTINCT[:5])
    windowed, whole = (found.chance["previous_token"][layer, 0].item() for layer in (0, 1))
    assert windowed == pytest.approx(1 / 2)
    assert whole == pytest.approx((1 / 2 + 1 / 3 + 1 / 4 + 1 / 5) / 4)
    assert found.chance["first_token"][0, 0].item() == pytest.approx(1 / 8)  # the second token alone sees it
    assert found.chance["mean_distance"][0, 0].item() == pytest.approx(4 * 0.5 / 5)


def test_chance_of_finished_patterns_is_that_of_what_they_show():
    found = scores(finished(torch.eye(5)), LayerRecord(call(5)), ids=DISTINCT[:5])
    for name in ("entropy", "first_token", "previous_token", "mean_distance"):
        torch.testing.assert_close(found.chance[name][0, 0], found.chance[name][1, 0])


def test_cross_attention_has_no_positions_to_compare():
    found = scores(LayerRecord(call(3, keys=5, causal=False)), ids=None)
    assert value(found, "entropy") == pytest.approx(math.log(5))
    assert value(found, "first_token") == pytest.approx(1 / 5)
    for name in set(NAMES) - {"entropy", "first_token"}:
        assert found.values[name].isnan().all()
        assert found.chance[name].isnan().all()
    assert found.role(0, 0) == ""


def test_what_a_text_cannot_tell_is_not_a_number():
    single = scores(finished(torch.ones(1, 1)), ids=(4,))
    told = {name for name in NAMES if not math.isnan(value(single, name))}
    assert told == {"entropy", "mean_distance", "self_attention"}
    distinct = scores(finished(previous(7)), ids=DISTINCT)
    assert {name for name in NAMES if math.isnan(value(distinct, name))} == {"duplicate", "induction"}


def test_a_role_needs_support_and_twice_chance():
    """Two queries are too few to name a head after, and in three tokens half the attention is no wonder."""
    assert scores(finished(previous(3)), ids=DISTINCT[:3]).role(0, 0) == ""
    assert scores(finished(previous(4)), ids=DISTINCT[:4]).role(0, 0) == "previous token"
    half = 0.45 * previous(4) + 0.55 * torch.eye(4)
    assert scores(finished(half), ids=DISTINCT[:4]).role(0, 0) == ""  # chance is 0.36 and 0.52


def test_layers_with_fewer_heads_leave_gaps():
    found = scores(finished(previous(7), torch.eye(7)), finished(torch.eye(7)), ids=DISTINCT)
    for name in NAMES:
        assert found.values[name].shape == found.chance[name].shape == (2, 3)
        assert found.values[name][1, 2].isnan()
        assert found.chance[name][1, 2].isnan()
    assert (found.role(0, 1), found.role(1, 0), found.role(1, 2)) == ("self", "self", "")


@pytest.mark.parametrize("causal", [True, False])
def test_the_size_of_the_blocks_changes_nothing(causal, monkeypatch):
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(5, 17, (67,), generator=generator).tolist()
    drawn = [torch.randn(heads, 67, 5, generator=generator) for heads in (6, 2, 2)]
    record = LayerRecord(AttentionCall(drawn[0], drawn[1], drawn[2], 1.0, causal))
    whole = scores(record, ids=ids)
    monkeypatch.setattr(overview_module, "BLOCK_ELEMENTS", 1)
    blocks = overview_module._blocks(record.attention)
    assert [block.stop for block in blocks] == [16, 32, 48, 64, 67]
    pieces = scores(record, ids=ids)
    for name in NAMES:
        torch.testing.assert_close(pieces.values[name], whole.values[name])
        torch.testing.assert_close(pieces.chance[name], whole.chance[name])


@pytest.mark.parametrize("causal", [True, False])
def test_scores_of_any_pattern_as_a_plain_loop_counts_them(causal):
    generator = torch.Generator().manual_seed(4)
    ids = torch.randint(5, 12, (23,), generator=generator).tolist()
    query, key = torch.randn(2, 23, 5, generator=generator), torch.randn(1, 23, 5, generator=generator)
    attention = AttentionCall(query, key, key, 1.0, causal)
    found = scores(LayerRecord(attention), ids=ids)
    for head in (0, 1):
        expected = plainly(attention.weights(head).tolist(), ids)
        for name in NAMES:
            assert value(found, name, head) == pytest.approx(expected[name], rel=1e-4)


def plainly(pattern: list[list[float]], ids: list[int]) -> dict[str, float]:
    """The definitions, word by word, one query and key at a time."""
    rows: dict[str, list[float]] = {name: [] for name in NAMES}
    for q, row in enumerate(pattern):
        rows["entropy"].append(-sum(w * math.log(w) for w in row if w > 0))
        rows["mean_distance"].append(sum(w * abs(q - k) for k, w in enumerate(row)))
        rows["self_attention"].append(row[q])
        if q > 0:
            rows["first_token"].append(row[0])
            rows["previous_token"].append(row[q - 1])
        copies = [k for k in range(q) if ids[k] == ids[q]]
        if [k for k in copies if k > 0]:
            rows["duplicate"].append(sum(row[k] for k in copies if k > 0))
        if [k for k in copies if k + 1 < q]:
            rows["induction"].append(sum(row[k + 1] for k in copies if k + 1 < q))
    return {name: sum(numbers) / len(numbers) for name, numbers in rows.items()}
