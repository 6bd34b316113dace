"""The one formula behind every picture, against cases worked out by hand and against PyTorch's own attention.

Sizes are different primes, so that a swapped axis cannot pass.
"""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from models.run.attention_call import AttentionCall, attention_scores

HEADS, KV_HEADS, QUERIES, KEYS, D_HEAD, D_VALUE = 6, 2, 11, 13, 5, 3
E = math.e
CLOSE = 1e-6  # weights are at most 1, so this is relative to their scale


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def call(queries: int = QUERIES, keys: int = KEYS, kv_heads: int = KV_HEADS, **changes) -> AttentionCall:
    """Queries and keys large enough that no row is near uniform."""
    query, key = 2 * draw(HEADS, queries, D_HEAD, seed=1), draw(kv_heads, keys, D_HEAD, seed=2)
    value = draw(kv_heads, keys, D_VALUE, seed=3)
    return replace(AttentionCall(query, key, value, scaling=D_HEAD**-0.5, causal=False), **changes)


def one_dimension(query: list[float], key: list[float], **changes) -> AttentionCall:
    """One head of width 1, so that a score is a product of two numbers."""
    made = AttentionCall(
        torch.tensor(query)[None, :, None],
        torch.tensor(key)[None, :, None],
        torch.zeros(1, len(key), D_VALUE),
        scaling=1.0,
        causal=False,
    )
    return replace(made, **changes)


def by_torch(made: AttentionCall, mask: Tensor | None = None) -> Tensor:
    """Weights as the output of PyTorch's attention over an identity matrix of values."""
    groups = made.heads // made.key.shape[0]
    return scaled_dot_product_attention(
        made.query,
        made.key.repeat_interleave(groups, dim=0),
        torch.eye(made.keys).expand(made.heads, -1, -1),
        attn_mask=mask,
        is_causal=made.causal,
        scale=made.scaling,
    )


def varied() -> dict[str, AttentionCall]:
    """One call for each way of hiding or changing scores."""
    window = torch.ones(QUERIES, KEYS, dtype=torch.bool).tril(2).triu(-3)
    bias = draw(HEADS, QUERIES, KEYS, seed=4)
    return {
        "plain": call(),
        "causal": call(keys=QUERIES, causal=True),
        "bool mask": call(mask=window[None]),
        "mask per head": call(mask=draw(HEADS, QUERIES, KEYS, seed=5) < 1.0),
        "additive mask": call(mask=torch.zeros(1, QUERIES, KEYS).masked_fill(~window, -torch.inf)),
        "position bias": call(position_bias=bias),
        "soft cap": call(softcap=1.5, keys=QUERIES, causal=True),
        "sinks": call(sinks=draw(HEADS, 1, 1, seed=6)),
        "sinks per query": call(sinks=draw(HEADS, QUERIES, 1, seed=7)),
    }


@pytest.fixture(params=list(varied()))
def each(request: pytest.FixtureRequest) -> AttentionCall:
    return varied()[request.param]


def assert_close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=CLOSE)


def test_two_keys_by_hand():
    weights = one_dimension([1.0], [0.0, 1.0]).weights()
    assert_close(weights, torch.tensor([[[1.0, E]]]) / (1 + E))


def test_scaling_multiplies_the_scores():
    weights = one_dimension([4.0], [0.0, 1.0], scaling=0.25).weights()
    assert_close(weights, torch.tensor([[[1.0, E]]]) / (1 + E))


def test_causal_by_hand():
    weights = one_dimension([1.0, 1.0, 1.0], [0.0, 1.0, 0.0], causal=True).weights(0)
    expected = [[1, 0, 0], [1 / (1 + E), E / (1 + E), 0], [1 / (2 + E), E / (2 + E), 1 / (2 + E)]]
    assert_close(weights, torch.tensor(expected))


def test_soft_cap_by_hand():
    cap = 2.0
    capped = cap * math.tanh(3.0 / cap)
    weights = one_dimension([3.0], [0.0, 1.0], softcap=cap).weights(0)
    assert_close(weights, torch.tensor([[1.0, math.exp(capped)]]) / (1 + math.exp(capped)))


def test_soft_cap_comes_before_the_mask():
    weights = one_dimension([3.0], [5.0, 1.0], softcap=2.0, mask=torch.tensor([[[False, True]]])).weights(0)
    assert_close(weights, torch.tensor([[0.0, 1.0]]))


def test_position_bias_by_hand():
    weights = one_dimension([0.0], [0.0, 0.0], position_bias=torch.tensor([[[0.0, 1.0]]])).weights(0)
    assert_close(weights, torch.tensor([[1.0, E]]) / (1 + E))


def test_sinks_take_their_share():
    weights = one_dimension([1.0], [0.0, 1.0], sinks=torch.tensor([[[math.log(2)]]])).weights(0)
    assert_close(weights, torch.tensor([[1.0, E]]) / (3 + E))
    assert weights.sum() < 1


def test_a_hidden_key_gets_exactly_nothing():
    mask = torch.tensor([[[True, False, True]]])
    additive = torch.zeros(1, 1, 3).masked_fill(~mask, torch.finfo(torch.float32).min)
    for hidden in (mask, additive):
        weights = one_dimension([1.0], [0.0, 7.0, 1.0], mask=hidden).weights(0)
        assert weights[0, 1] == 0
        assert_close(weights, torch.tensor([[1.0, 0, E]]) / (1 + E))


def test_causal_block_that_begins_later():
    made = call(keys=QUERIES, causal=True)
    whole = made.weights()
    block = attention_scores(
        made.query[:, 7:9], made.key, scaling=made.scaling, causal=True, first_row=7
    ).softmax(-1)
    assert_close(block, whole[:, 7:9])
    assert block[:, 0, 8:].abs().max() == 0


def test_queries_of_a_group_share_its_key():
    made = call()
    for head in range(HEADS):
        alone = call(kv_heads=1, query=made.query[head : head + 1], key=made.key[head // 3 :][:1])
        assert made.kv_head(head) == head // 3
        assert_close(made.weights(head), alone.weights(0))


def test_equals_torch_without_mask(each):
    plain = replace(each, mask=None, position_bias=None, softcap=None, sinks=None)
    assert_close(plain.weights(), by_torch(plain))


@pytest.mark.parametrize("name", ["bool mask", "mask per head", "additive mask", "position bias"])
def test_equals_torch_with_mask(name):
    made = varied()[name]
    mask = made.mask if made.mask is not None else made.position_bias
    assert_close(made.weights(), by_torch(made, mask))


def test_rows_of_weights_sum_to_one(each):
    sums = each.weights().sum(-1)
    if each.sinks is None:
        assert_close(sums, torch.ones(HEADS, each.queries))
    else:
        assert sums.max() < 1


def test_one_head_is_that_slice_of_all(each):
    whole, scores = each.weights(), each.scores()
    assert whole.shape == (HEADS, each.queries, each.keys)
    for head in range(HEADS):
        assert_close(each.weights(head), whole[head])
        torch.testing.assert_close(each.scores(head), scores[head])


@pytest.mark.parametrize("rows", [slice(0, 2), slice(2, 7), slice(7, 11), slice(10, 11)])
def test_a_block_of_rows_is_that_slice_of_all(each, rows):
    assert_close(each.weights(None, rows), each.weights()[:, rows])
    assert_close(each.weights(4, rows), each.weights()[4, rows])
    assert torch.equal(each.visible(rows), each.visible()[:, rows])


@pytest.mark.parametrize("last", [1, 5, 11])
def test_keys_behind_the_last_row_can_be_left_out(each, last):
    cut = each.upto(last)
    weights, whole = cut.weights(None, slice(0, last)), each.weights(None, slice(0, last))
    assert_close(weights, whole[..., : cut.keys])
    assert whole[..., cut.keys :].abs().sum() == 0


def test_causal_calls_are_cut_short():
    assert call(keys=QUERIES, causal=True).upto(5).keys == 5
    biased = call(keys=QUERIES, causal=True, position_bias=draw(HEADS, QUERIES, QUERIES, seed=8))
    assert_close(biased.upto(5).weights(None, slice(3, 5)), biased.weights(None, slice(3, 5))[..., :5])


def test_visible_is_where_weights_can_be(each):
    assert torch.equal(each.weights() > 0, each.visible().expand(HEADS, -1, -1))


def test_half_precision_is_replayed_in_float32():
    made = call()
    half = replace(made, query=made.query.bfloat16(), key=made.key.bfloat16())
    exact = replace(made, query=half.query.float(), key=half.key.float())
    assert half.weights().dtype == torch.float32
    assert torch.equal(half.weights(), exact.weights())


@pytest.mark.parametrize(
    "mask", [torch.tensor([[[True, False, True, True]]]), torch.tensor([[[0.0, -3e38, 0.0, 0.0]]])]
)
def test_one_mask_for_all_queries_holds_in_every_block_of_them(mask: torch.Tensor):
    """As of SwitchTransformers, whose encoder hands on the mask of its padding."""
    query, key = torch.randn(3, 5, 2), torch.randn(3, 4, 2)
    call = AttentionCall(query, key, key, 1.0, False, mask)
    for rows in (slice(0, 2), slice(2, 5), slice(4, 5)):
        assert torch.equal(call.visible(rows), call.visible()[:, rows])
        assert torch.equal(call.weights(None, rows), call.weights()[:, rows])
    assert call.visible().tolist() == [[[True, False, True, True]] * 5]
