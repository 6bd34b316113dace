"""Attention to function words: held against transformers' own eager patterns and against words marked by hand."""

import pytest
import torch

import models
from models.look.function_words import function_tokens, function_word_attention
from tests.models.engine_models import assert_near, engine, stock_output

TEXT = "the cat sat on the mat, and the dog sat on the cat"


@pytest.mark.parametrize(
    ("tokens", "marked"),
    [
        ((" The", " cat", " sat", " on", " the", " theory", "."), (0, 3, 4, 6)),
        ((" the", "ory", " of", " o", "f"), (2, 3, 4)),
        ((" don", "'t", " be", " an", " and", "roid", ",", " he", "'s", "\n"), (1, 2, 3, 6, 7, 8)),
        (("[CLS]", "the", "##m", "ex", "##it", "of", ".", "[SEP]"), (1, 2, 5, 6)),
        (("cat", " ", "—", " …"), (2, 3)),
    ],
)
def test_which_tokens_count(tokens: tuple[str, ...], marked: tuple[int, ...]):
    wanted = [place in marked for place in range(len(tokens))]
    assert list(function_tokens(tokens)) == wanted


@pytest.mark.parametrize(("name", "causal"), [("gpt2", True), ("bert", False)])
def test_shares_are_those_of_the_eager_patterns(name: str, causal: bool):
    run = models.capture(engine(name), TEXT)
    found = function_word_attention(run)
    marked = torch.tensor(found.marked)
    marked[0] = False
    assert 0 < int(marked.sum()) < len(marked) - 1
    patterns = torch.stack(
        [layer[0] for layer in stock_output(name, TEXT).attentions]
    )  # [layer, head, query, key]
    beyond = patterns[..., 1:].sum(-1)
    share = patterns[..., marked].sum((-1, -2)) / beyond.sum(-1)
    assert_near(found.share, share, 1e-4)
    assert_near(found.beyond_first, beyond.mean(-1), 1e-4)
    count = len(marked)
    seen = torch.ones(count, count).tril() if causal else torch.ones(count, count)
    even = seen[:, marked].sum(-1) / seen[:, 1:].sum(-1).clamp(min=1)
    assert_near(found.chance, (beyond * even).sum(-1) / beyond.sum(-1), 1e-4)
    assert_near(found.above_chance, found.share - found.chance, 1e-6)


def test_cross_attention_looks_at_the_source():
    run = models.capture(engine("t5"), source=TEXT, target="the dog sat")
    found = function_word_attention(run, "cross")
    assert len(found.marked) == len(run.source_tokens)
    assert found.share.shape == (run.layers("cross"), run.heads(0, "cross"))
