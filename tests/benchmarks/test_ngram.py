"""The n-gram yardstick: against nltk's Kneser-Ney, against fractions worked out by hand, and as a distribution."""

from collections import Counter

import numpy as np
import pytest
from nltk.lm import KneserNeyInterpolated, Vocabulary
from nltk.util import everygrams
from numpy.typing import NDArray

from tests.benchmarks.ngram import UNDEFINED, KneserNey, estimated_discounts, fit

PLAIN = 0.7  # one discount for all counts: what nltk calls Kneser-Ney
UNDISCOUNTED = (0.0, 0.0, 0.0)  # nltk leaves single tokens as they are
BOUNDARY = "^"
BY_HAND = np.array([0, 1, 0, 1, 0, 1, 2])  # 01 three times, 10 twice, 12 once
BY_HAND_DISCOUNTS = [(0.5, 1.0, 1.5), (0.25, 0.5, 1.25)]


def _text(length: int, kinds: int, seed: int) -> NDArray[np.int64]:
    """Tokens of which each depends on the one before; low ids are frequent."""
    rng = np.random.default_rng(seed)
    steps = np.minimum(rng.geometric(0.4, size=length) - 1, kinds - 1)
    return np.cumsum(np.where(rng.random(length) < 0.6, steps, 0)) % kinds


def _distribution(model: KneserNey, context: list[int]) -> NDArray[np.float64]:
    """[vocabulary]: probabilities of the token after the context."""
    each = [model.log_probabilities(np.array([*context, token])) for token in range(model.vocabulary)]
    return np.exp([nats[-1] for nats in each])


def _nltk_probabilities(train: NDArray[np.int64], valid: NDArray[np.int64], order: int) -> list[float]:
    """nltk's probability at each position of `valid`.

    Without a boundary before the text nltk divides by zero in contexts that only begin the text: they follow no token.
    """
    model = KneserNeyInterpolated(order, discount=PLAIN)
    words = [BOUNDARY, *map(str, train)]
    model.fit([list(everygrams(words, max_len=order))], Vocabulary(words))
    words = list(map(str, valid))
    contexts = (tuple(words[max(0, at - order + 1) : at]) for at in range(len(words)))
    return [float(model.unmasked_score(*pair)) for pair in zip(words, contexts, strict=True)]


@pytest.mark.parametrize("order", [2, 3, 5])
def test_agrees_with_nltk(order: int) -> None:
    train, valid = _text(600, kinds=11, seed=2), _text(130, kinds=11, seed=3)
    grams = Counter(zip(train, train[1:], train[2:], strict=False))
    assert any(gram not in grams for gram in zip(valid, valid[1:], valid[2:], strict=False))
    model = fit(train, order, vocabulary=11, discounts=[UNDISCOUNTED] + [(PLAIN,) * 3] * (order - 1))
    theirs = _nltk_probabilities(train, valid, order)
    np.testing.assert_allclose(np.exp(model.log_probabilities(valid)), theirs, rtol=1e-12)


def test_agrees_with_fractions_worked_out_by_hand() -> None:
    """Token 0 follows the beginning and 1, token 1 follows 0, token 2 follows 1: four continuations.

    Single tokens: gamma = (1 + .5 + .5) / 4 = 1/2, so token 0 has (2 - 1)/4 + 1/2 * 1/4 = 3/8, and token 3 has 1/8.
    After 1, in 3 bigrams: gamma = (.5 + .25) / 3 = 1/4, so token 0 has (2 - .5)/3 + 1/4 * 3/8 = 19/32.
    After 0, in 3 bigrams: gamma = 1.25 / 3 = 5/12, so token 1 has (3 - 1.25)/3 + 5/12 * 1/4 = 11/16.
    """
    model = fit(BY_HAND, order=2, vocabulary=4, discounts=BY_HAND_DISCOUNTS)
    np.testing.assert_allclose(_distribution(model, []), np.array([3, 2, 2, 1]) / 8, rtol=1e-12)
    np.testing.assert_allclose(_distribution(model, [1]), np.array([19, 2, 10, 1]) / 32, rtol=1e-12)
    np.testing.assert_allclose(_distribution(model, [0]), np.array([15, 66, 10, 5]) / 96, rtol=1e-12)
    np.testing.assert_allclose(_distribution(model, [2]), _distribution(model, []), rtol=1e-12)


def test_a_single_order_counts_occurrences() -> None:
    # three, three and one of seven; one taken off each of the three kinds and spread over the four
    model = fit(BY_HAND, order=1, vocabulary=4, discounts=[(1.0, 1.0, 1.0)])
    np.testing.assert_allclose(_distribution(model, [1]), np.array([11, 11, 3, 3]) / 28, rtol=1e-12)


def test_discounts_of_chen_and_goodman() -> None:
    # n_1 to n_4 = 10, 5, 2, 1, so Y = 10 / 20
    counts = np.repeat([1, 2, 3, 4, 9], [10, 5, 2, 1, 7])
    assert estimated_discounts(counts) == pytest.approx((0.5, 1.4, 2.0), rel=1e-12)
    for missing in (1, 2, 3, 4):
        assert estimated_discounts(counts[counts != missing]) == UNDEFINED
    assert estimated_discounts(np.repeat([1, 2, 3, 4], [10, 1, 9, 1])) == UNDEFINED  # D_2 would be -20.5


@pytest.mark.parametrize("order", [1, 2, 5])
def test_probabilities_sum_to_one(order: int) -> None:
    train = _text(1000, kinds=11, seed=5)
    model = fit(train, order, vocabulary=13)  # 11 and 12 never occur
    begins, ends = train[:4].tolist(), train[-4:].tolist()
    for context in ([], [12], [3], begins, ends, train[500:504].tolist(), [11, 0, 12, 0], [12, *train[:3]]):
        probabilities = _distribution(model, context)
        assert probabilities.sum() == pytest.approx(1, rel=1e-12)
        assert probabilities.min() > 0
    packed_tight = fit(train, order, vocabulary=4096)
    assert _distribution(packed_tight, begins).sum() == pytest.approx(1, rel=1e-12)


def test_finds_the_entropy_of_its_source() -> None:
    """A chain whose next token depends on two: no model beats its entropy, and this much text comes within 1%."""
    rng = np.random.default_rng(7)
    chain = rng.dirichlet([0.5] * 5, size=(5, 5))
    drawn, edges = rng.random(200_000), chain.cumsum(-1)
    tokens = [0, 1]
    for draw in drawn:
        tokens.append(min(int(np.searchsorted(edges[tokens[-2], tokens[-1]], draw)), 4))
    text = np.array(tokens)
    source = -np.log(chain[text[:-2], text[1:-1], text[2:]])
    valid = np.arange(150_000, len(text))
    at_best = np.exp(source[valid - 2].mean())
    model = fit(text[:150_000], order=5, vocabulary=5)
    assert at_best < model.perplexity(text, targets=valid) < 1.01 * at_best
    assert fit(text[:150_000], order=2, vocabulary=5).perplexity(text, targets=valid) > 1.1 * at_best


def test_context_begins_with_the_array_and_targets_are_chosen() -> None:
    train, valid = _text(600, kinds=7, seed=2), _text(90, kinds=7, seed=3)
    model = fit(train, order=3, vocabulary=7)
    nats = model.log_probabilities(valid)
    assert nats.shape == valid.shape
    assert nats.dtype == np.float64
    assert nats[0] == pytest.approx(np.log(_distribution(model, [])[valid[0]]), rel=1e-12)
    np.testing.assert_array_equal(model.log_probabilities(valid[10:])[2:], nats[12:])
    positions = np.arange(40, 60)
    expected = pytest.approx(np.exp(-nats[40:60].mean()), rel=1e-12)
    assert model.perplexity(valid, positions) == expected
    assert model.perplexity(valid, np.isin(np.arange(90), positions)) == expected
    assert model.perplexity(valid) == pytest.approx(np.exp(-nats.mean()), rel=1e-12)
    assert len(model.log_probabilities(valid[:0])) == 0


def test_small_integers_and_the_longest_keys() -> None:
    text = _text(300, kinds=11, seed=2)
    known = fit(text, order=5, vocabulary=11).log_probabilities(text)
    narrow = fit(text.astype(np.uint8), order=5, vocabulary=11).log_probabilities(text.astype(np.uint8))
    np.testing.assert_array_equal(narrow, known)
    given = [UNDISCOUNTED] + [UNDEFINED] * 3  # so that nothing depends on how large the vocabulary is
    small = fit(text, order=4, vocabulary=11, discounts=given).log_probabilities(text)
    shifted = text + 2**15 - 5  # to either side of the highest bit
    large = fit(shifted, order=4, vocabulary=2**16, discounts=given)  # 4 x 16 bits, all of them used
    np.testing.assert_array_equal(large.log_probabilities(shifted), small)


def test_what_is_refused() -> None:
    text = _text(50, kinds=7, seed=2)
    model = fit(text, order=2, vocabulary=7)
    with pytest.raises(ValueError, match="order 6 out of range: 5 tokens of 12 bits"):
        fit(text, order=6)
    with pytest.raises(ValueError, match="the text has 3 tokens"):
        fit(text[:3], order=5)
    with pytest.raises(ValueError, match="ids 7 to 7 out of range: 0 to 6"):
        model.log_probabilities(np.array([7]))
    with pytest.raises(ValueError, match=r"expected token ids \[pos\], got float64"):
        fit(text.astype(float), order=2)
    for discounts in ([UNDEFINED], [UNDEFINED, (0.5, 2.1, 1.5)]):
        with pytest.raises(ValueError, match="expected 2 triples"):
            fit(text, order=2, vocabulary=7, discounts=discounts)
    with pytest.raises(ValueError, match="at least one target"):
        model.perplexity(text, np.zeros(50, bool))
