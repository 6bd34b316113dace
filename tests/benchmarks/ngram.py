"""A 5-gram language model over token ids: the yardstick that a small trained transformer must beat.

Interpolated modified Kneser-Ney smoothing after Chen & Goodman 1999, "An empirical study of smoothing techniques for
language modeling", Computer Speech and Language 13, section 3. Every n-gram is packed into one integer, so that counting
is sorting and looking up is bisection: 20 million tokens take some seconds and 1.5 GB.

Why not a library: kenlm's packages only query models, its estimator is a program to be built with Boost; nltk's Kneser-Ney
goes through all n-grams for each score and gives unseen tokens zero. On small texts it is what the tests compare with.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.integer]  # [pos]
Counts = NDArray[np.int64]  # [ngram]
Keys = NDArray[np.uint64]  # token ids of a vocabulary's bits each, the last token in the lowest bits
Shares = NDArray[np.float64]  # each in 0 to 1
Discounts = Sequence[float]  # what is taken off a count of 1, of 2, and of 3 or more

UNDEFINED: Discounts = (0.5, 1.0, 1.5)  # for data too small to estimate them, as KenLM's --discount_fallback
KEY_BITS = 64


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """The n-grams of one length k, in the notation of Chen & Goodman's equation (19).

    ngrams: [ngram], every n-gram that occurs, sorted. own: [ngram], (c - D(c)) / sum of the context's c, in 0 to 1.
    contexts: [context], the n-grams' first k - 1 tokens, sorted. passed_on: [context], gamma, the share in 0 to 1 that the
    context leaves to the next lower order. discounts: what was taken off a count of 1, of 2, and of 3 or more.

    c is the number of times the n-gram occurs in the highest order, and the number of distinct tokens that it follows in all
    lower ones, the beginning of the text counting as one.
    """

    ngrams: Keys
    own: Shares
    contexts: Keys
    passed_on: Shares
    discounts: Discounts


@dataclass(frozen=True, slots=True, eq=False)
class KneserNey:
    """A fitted model: its orders from 1 upwards, below which every token of the vocabulary is equally likely."""

    orders: tuple[Order, ...]
    vocabulary: int

    def log_probabilities(self, tokens: Tokens) -> NDArray[np.float64]:
        """[pos], nats: the natural logarithm of each token's probability given the up to order - 1 tokens before it.

        The context never crosses the start of the array: the first token has none.
        """
        tokens = _checked(tokens, self.vocabulary)
        bits = _bits(self.vocabulary)
        probability = np.full(len(tokens), 1 / self.vocabulary)
        for length, order in enumerate(self.orders[: len(tokens)], start=1):
            keys = _packed(tokens, length, bits)
            of_context = _look_up(order.contexts, order.passed_on, keys >> np.uint64(bits), missing=1.0)
            of_ngram = _look_up(order.ngrams, order.own, keys, missing=0.0)
            probability[length - 1 :] *= of_context
            probability[length - 1 :] += of_ngram
        return np.log(probability)

    def perplexity(
        self,
        tokens: Tokens,
        targets: NDArray[np.bool_] | NDArray[np.integer] | None = None,
    ) -> float:
        """exp of the mean nats per target token.

        targets: a mask [pos] or positions [target]; None takes every token. What is no target still serves as context.
        """
        nats = -self.log_probabilities(tokens)
        chosen = nats if targets is None else nats[targets]
        if not len(chosen):
            raise ValueError(f"expected at least one target, got none among {len(tokens)} tokens")
        return float(np.exp(chosen.mean()))


def fit(
    tokens: Tokens, order: int = 5, vocabulary: int = 4096, discounts: Sequence[Discounts] | None = None
) -> KneserNey:
    """Count and smooth one stream of token ids below `vocabulary`.

    discounts: one triple for each order from 1 upwards, within 0 to 1, to 2 and to 3; None estimates them from the text.
    """
    tokens = _checked(tokens, vocabulary)
    bits = _bits(vocabulary)
    if not 1 <= order <= min(KEY_BITS // bits, len(tokens)):
        raise ValueError(
            f"order {order} out of range: {KEY_BITS // bits} tokens of {bits} bits fit into {KEY_BITS}, "
            f"and the text has {len(tokens)} tokens"
        )
    if discounts is not None and not (len(discounts) == order and all(map(_allowed, discounts))):
        raise ValueError(f"expected {order} triples within 0 to 1, 2 and 3 as discounts, got {discounts}")
    ngrams, counts = np.unique(_packed(tokens, order, bits), return_counts=True)
    fitted: list[Order] = []
    for length in range(order, 0, -1):
        taken = discounts[length - 1] if discounts is not None else estimated_discounts(counts)
        fitted.insert(0, _smoothed(ngrams, counts, bits, taken))
        if length > 1:
            ngrams, counts = _continuations(ngrams, tokens, length - 1, bits)
    return KneserNey(tuple(fitted), vocabulary)


def estimated_discounts(counts: Counts) -> Discounts:
    """D_i = i - (i + 1) Y n_{i+1} / n_i with Y = n_1 / (n_1 + 2 n_2), where n_i n-grams have the count i: Chen & Goodman's
    equation (26).

    `UNDEFINED` where an n_i is zero or a D_i is not within 0 to i: in very small texts, and for single tokens where the
    vocabulary's every token is frequent.
    """
    n = np.bincount(np.minimum(counts, 5), minlength=6)[1:5].astype(float)
    if not n.all():
        return UNDEFINED
    share = n[0] / (n[0] + 2 * n[1])
    found = [i - (i + 1) * share * n[i] / n[i - 1] for i in (1, 2, 3)]
    return tuple(found) if _allowed(found) else UNDEFINED


def _allowed(discounts: Discounts) -> bool:
    """No count may fall below zero or grow."""
    return len(discounts) == 3 and all(0 <= taken <= i for i, taken in enumerate(discounts, start=1))


def _smoothed(ngrams: Keys, counts: Counts, bits: int, discounts: Discounts) -> Order:
    """One order's shares; n-grams of one context lie next to each other, because the keys are sorted."""
    prefixes = ngrams >> np.uint64(bits)
    starts = np.flatnonzero(np.r_[True, prefixes[1:] != prefixes[:-1]])
    total = np.add.reduceat(counts, starts)
    off = np.array((0.0, *discounts))[np.minimum(counts, 3)]
    sizes = np.diff(np.r_[starts, len(ngrams)])
    own = (counts - off) / np.repeat(total, sizes)
    return Order(ngrams, own, prefixes[starts], np.add.reduceat(off, starts) / total, tuple(discounts))


def _continuations(longer: Keys, tokens: Tokens, length: int, bits: int) -> tuple[Keys, Counts]:
    """The n-grams of this length, and how many distinct tokens each follows, from the n-grams one token longer.

    The text's first n-gram follows no token; its beginning is counted as one, as a boundary symbol would be.
    """
    suffixes = longer & np.uint64((1 << (length * bits)) - 1)
    return np.unique(np.append(suffixes, _packed(tokens[:length], length, bits)), return_counts=True)


def _packed(tokens: Tokens, length: int, bits: int) -> Keys:
    """[window]: every window of `length` tokens as one integer, in the text's order."""
    windows = len(tokens) - length + 1
    keys = np.zeros(windows, np.uint64)
    for offset in range(length):
        keys <<= np.uint64(bits)
        keys |= tokens[offset : offset + windows].astype(np.uint64)
    return keys


def _look_up(keys: Keys, values: Shares, wanted: Keys, missing: float) -> Shares:
    """[window]: the value that stands beside each wanted key in the sorted keys, `missing` where there is none."""
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], missing)


def _bits(vocabulary: int) -> int:
    return max(1, (vocabulary - 1).bit_length())


def _checked(tokens: Tokens, vocabulary: int) -> Tokens:
    if tokens.ndim != 1 or not np.issubdtype(tokens.dtype, np.integer):
        raise ValueError(f"expected token ids [pos], got {tokens.dtype} of shape {tokens.shape}")
    if len(tokens) and not (tokens.min() >= 0 and tokens.max() < vocabulary):
        raise ValueError(f"token ids {tokens.min()} to {tokens.max()} out of range: 0 to {vocabulary - 1}")
    return tokens
