"""Encoder-decoders: three stacks, each with the right tokens on its axes."""

from functools import cache

import pytest
import torch

from models import BadSelection, BadText, Capture, TextTooLong, capture
from tests.models.engine_models import (
    SOURCE,
    TARGET,
    assert_near,
    engine,
    stock,
    stock_generates,
    stock_output,
    tokenizer,
)
from tests.sentences import assert_sentence

PAIRS = ["t5", "bart"]
STACKS = ["encoder", "decoder", "cross"]


@cache
def run_of(name: str) -> Capture:
    return capture(engine(name), source=SOURCE, target=TARGET)


def target_ids() -> list[int]:
    """As in training: shifted right behind the start token, without the end."""
    return [0, *tokenizer("seq2seq")(TARGET)["input_ids"][:-1]]


def stock_pair(name: str):
    given = tokenizer("seq2seq")(SOURCE, return_tensors="pt")
    with torch.no_grad():
        return stock(name)(
            input_ids=given["input_ids"],
            decoder_input_ids=torch.tensor([target_ids()]),
            output_attentions=True,
        )


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("name", PAIRS)
def test_patterns_of_each_stack(name, stack):
    run, expected = run_of(name), stock_pair(name)
    theirs = expected[f"{stack}_attentions"]
    assert run.layers(stack) == len(theirs)
    for layer, pattern in enumerate(theirs):
        found = run.pattern(layer, stack=stack)
        assert_near(found, pattern[0])
        assert found.shape[1:] == (len(run.query_tokens(stack)), len(run.key_tokens(stack)))
        torch.testing.assert_close(found.sum(-1), torch.ones(found.shape[:2]))


@pytest.mark.parametrize("name", PAIRS)
def test_each_axis_has_its_own_tokens(name):
    run = run_of(name)
    assert (run.stacks, run.stack) == (("encoder", "decoder", "cross"), "decoder")
    assert "".join(run.source_tokens) == f" {SOURCE}</s>"
    assert "".join(run.target_tokens) == f"<pad> {TARGET}"
    assert len(run.source_tokens) != len(run.target_tokens)
    assert run.tokens == run.target_tokens == run.query_tokens() == run.key_tokens()
    assert run.query_tokens("encoder") == run.key_tokens("encoder") == run.source_tokens
    assert (run.query_tokens("cross"), run.key_tokens("cross")) == (run.target_tokens, run.source_tokens)
    assert run.ids["target"] == tuple(target_ids())
    assert torch.equal(run.pattern(1), run.pattern(1, stack="decoder"))


@pytest.mark.parametrize("name", PAIRS)
def test_what_the_target_goes_on_with(name):
    assert_near(run_of(name).predictions[0], torch.softmax(stock_pair(name).logits[0, -1], dim=-1), 1e-4)


@pytest.mark.parametrize("name", PAIRS)
def test_without_a_target_the_model_writes_one(name):
    expected = stock_generates(name, SOURCE, 32)
    for run in (capture(engine(name), source=SOURCE), capture(engine(name), SOURCE)):
        assert list(run.ids["target"]) == expected
        assert run.pattern(0, 0, stack="cross").shape == (len(expected), len(run.source_tokens))


@pytest.mark.parametrize("name", PAIRS)
def test_tiles_scores_and_rollout_of_each_stack(name):
    run = run_of(name)
    for stack in STACKS:
        assert run.tiles(4, stack).shape == (run.layers(stack), run.heads(0, stack), 4, 4)
        assert run.scores(stack).values["entropy"].shape == (run.layers(stack), run.heads(0, stack))
    assert run.scores("cross").values["previous_token"].isnan().all()
    assert not run.scores("decoder").values["previous_token"].isnan().any()
    assert run.rollout("encoder").shape[0] == len(run.source_tokens)
    assert run.rollout().shape[0] == len(run.target_tokens)
    with pytest.raises(BadSelection) as error:
        run.rollout("cross")
    assert_sentence(error.value)


def test_source_and_target_are_cut_alike():
    run = capture(engine("bart"), source=SOURCE, target=TARGET, max_tokens=3)
    whole = run_of("bart")
    assert run.source_tokens == (*whole.source_tokens[:2], "</s>")
    assert run.target_tokens == whole.target_tokens[:3]
    assert run.dropped == len(whole.source_tokens) + len(whole.target_tokens) - 6


@pytest.mark.parametrize("given", [{"source": "cat " * 90}, {"source": "cat", "target": "cat " * 90}])
def test_source_and_target_each_have_a_limit(given):
    with pytest.raises(TextTooLong) as error:
        capture(engine("bart"), **given)
    assert error.value.limit == 64
    assert error.value.tokens > 64
    assert_sentence(error.value)


@pytest.mark.parametrize("given", [{"source": " "}, {"source": "cat", "target": ""}, {"source": "\ud800"}])
def test_what_cannot_be_read(given):
    with pytest.raises(BadText) as error:
        capture(engine("t5"), **given)
    assert_sentence(error.value)


def test_one_text_and_two_are_not_mixed_up():
    refused = [
        ("t5", {}),
        ("t5", {"text": ("the cat", "sat")}),
        ("t5", {"target": "the cat"}),
        ("gpt2", {"source": "the cat", "target": "sat"}),
        ("gpt2", {}),
    ]
    for name, given in refused:
        with pytest.raises(BadSelection, match="encoder-decoder") as error:
            capture(engine(name), **given)
        assert_sentence(error.value)
    with pytest.raises(BadText, match="encoder") as error:
        capture(engine("gpt2"), ("the cat", "sat"))
    assert_sentence(error.value)


def test_an_encoder_reads_a_pair():
    run = capture(engine("bert"), ("the cat", "the dog sat"))
    given = tokenizer("masked")("the cat", "the dog sat", return_tensors="pt")
    assert given["token_type_ids"].sum() == 4
    with torch.no_grad():
        expected = stock("bert")(**given, output_attentions=True)
    for layer, pattern in enumerate(expected.attentions):
        assert_near(run.pattern(layer), pattern[0])
    assert run.tokens == ("[CLS]", "the", "cat", "[SEP]", "the", "dog", "sat", "[SEP]")
    assert run.second_start == 4
    apart = stock_output("bert", "the cat").attentions[0]
    assert apart.shape[-1] == 4
