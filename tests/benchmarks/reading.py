"""How well the family reads books it has not seen, beside a 5-gram model of the same training tokens."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import models
from models.run.model import demand_tokenizer
from models.shape.family import CONTEXT, KINDS, VOCABULARY, family_name
from models.training.recipe import Recipe
from models.training.sequences import Sequences
from models.training.texts import read_text
from models.training.validation import validation_loss, windows
from models.training.vocabulary import encode
from tests.benchmarks.ngram import fit
from tests.benchmarks.report import Line


def reading(corpus: Path, valid: Path) -> Iterator[Line]:
    """Validation perplexity per token of the shared vocabulary, all on the same tokens.

    The 5-gram model learns from the tokens that the family's models read, in their order, without the repeats that were
    put in; it sees the whole text before a token, the transformers at most 511 tokens.
    """
    loaded = {kind: models.load(family_name(kind), "cpu", "float32") for kind in KINDS}
    tokenizer = demand_tokenizer(loaded[KINDS[0]])
    validation = encode(tokenizer, [read_text(valid)])
    rows = windows(validation)
    cards = {kind: card for kind in KINDS if (card := models.card_of(family_name(kind)))}
    seen = {card.tokens_seen for card in cards.values()}
    assert len(seen) == 1, f"the family did not read equally much: {seen}"
    gram = _five_gram(encode(tokenizer, [read_text(corpus)]), seen.pop(), validation)
    yield Line("5-gram Kneser-Ney, validation perplexity", gram)
    for kind, card in cards.items():
        loss = validation_loss(loaded[kind].module, rows)
        told = f"its card says {card.validation_perplexity:.4g}"
        yield Line(f"{card.name}, validation perplexity", math.exp(loss), note=told)
        yield Line(f"{card.name} / 5-gram", math.exp(loss) / gram, at_most=1.0)


def _five_gram(corpus: NDArray[np.uint16], seen: int, validation: NDArray[np.uint16]) -> float:
    read = Sequences(corpus, Recipe(tokens=seen))
    learnt = np.concatenate([read.row(index) for index in range(seen // CONTEXT)])
    told = fit(learnt, order=5, vocabulary=VOCABULARY)
    whole = len(validation) // CONTEXT * CONTEXT
    return told.perplexity(validation[:whole], targets=np.arange(whole) % CONTEXT != 0)
