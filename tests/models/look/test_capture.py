"""A capture on the catalogue's real models, against transformers' own eager attention, and what it refuses."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoModelForCausalLM

from models import BadSelection, BadText, Capture, TextTooLong, capture
from models.loading.catalog import entry
from models.loading.store import folder
from models.progress import no_progress
from models.run.model import demand_tokenizer
from tests.models.engine_models import TEXT, assert_near, engine, stock_output
from tests.sentences import assert_sentence

STORY = "When Mary and John went to the store, John gave a drink to"


def eager(name: str, text: tuple[str, ...], kind, tokenizer):
    """What the stored weights give under transformers' eager attention, loaded without the engine."""
    path: Path = folder(entry(name), no_progress)
    module = kind.from_pretrained(path, attn_implementation="eager", dtype=torch.float32).eval()
    with torch.no_grad():
        return module(**tokenizer(*text, return_tensors="pt"), output_attentions=True)


def assert_patterns(run: Capture, attentions: tuple[torch.Tensor, ...]) -> None:
    assert run.layers() == len(attentions)
    for layer, expected in enumerate(attentions):
        assert_near(run.pattern(layer), expected[0])
        torch.testing.assert_close(run.pattern(layer).sum(-1), torch.ones(expected.shape[1:3]))
        assert_near(run.pattern(layer, 5), run.pattern(layer)[5])


@pytest.mark.real
def test_the_default_model(smollm2):
    run = capture(smollm2, STORY)
    expected = eager("smollm2-135m", (STORY,), AutoModelForCausalLM, smollm2.tokenizer)
    assert_patterns(run, expected.attentions)
    probabilities = torch.softmax(expected.logits[0, -1], dim=-1)
    best = probabilities.topk(5)
    found = run.top_next(5)
    assert [candidate.token_id for candidate in found] == best.indices.tolist()
    assert [candidate.probability for candidate in found] == pytest.approx(best.values.tolist(), rel=1e-4)
    assert found[0].token == " Mary"
    assert "".join(run.tokens) == STORY
    assert run.tokens[:4] == ("When", " Mary", " and", " John")
    assert (run.stacks, run.stack, run.heads(0)) == (("decoder",), "decoder", 9)
    assert run.query(3, 4).shape == run.key(3, 4).shape == run.value(3, 4).shape == (len(run.tokens), 64)
    assert torch.equal(run.key(3, 3), run.key(3, 5))  # 9 heads share 3 keys
    assert not torch.equal(run.key(3, 2), run.key(3, 3))


@pytest.mark.real
def test_the_default_encoder(minilm):
    run = capture(minilm, STORY)
    assert_patterns(run, eager("minilm", (STORY,), AutoModel, minilm.tokenizer).attentions)
    assert (run.stack, run.tokens[0], run.tokens[-1]) == ("encoder", "[CLS]", "[SEP]")
    assert run.pattern(0, 0)[1, 5:].sum() > 0  # it looks ahead
    assert run.top_next(3) == ()  # a sentence embedder predicts no words


@pytest.mark.real
def test_a_sentence_pair(minilm):
    pair = ("The cat sat on the mat.", "It was warm.")
    run = capture(minilm, pair)
    assert_patterns(run, eager("minilm", pair, AutoModel, minilm.tokenizer).attentions)
    assert run.second_start is not None
    assert run.tokens[run.second_start - 1 :] == ("[SEP]", "it", "was", "warm", ".", "[SEP]")
    assert capture(minilm, pair[0]).second_start is None


@pytest.mark.real
def test_well_known_heads_are_found(smollm2):
    """On a repeated text some head copies what followed, and some head looks one token back."""
    run = capture(
        smollm2, "apple river stone cloud engine piano green" + " apple river stone cloud engine piano" * 2
    )
    scores = run.scores()
    roles = {scores.role(layer, head) for layer in range(30) for head in range(9)}
    assert {"induction", "previous token", "first token"} <= roles
    assert scores.values["induction"].max() > 5 * scores.chance["induction"].max()


def test_masked_words_have_candidates():
    run = capture(engine("bert"), "the [MASK] sat on the [MASK]")
    logits = stock_output("bert", "the [MASK] sat on the [MASK]").logits[0]
    assert [run.tokens[place] for place in run.places] == ["[MASK]", "[MASK]"]
    for index, place in enumerate(run.places):
        best = torch.softmax(logits[place], dim=-1).topk(4)
        found = run.top_next(4, index)
        assert [candidate.token_id for candidate in found] == best.indices.tolist()
        assert [candidate.probability for candidate in found] == pytest.approx(best.values.tolist(), rel=1e-4)
    assert run.top_next(4, 0) != run.top_next(4, 1)
    assert capture(engine("bert"), "the cat sat").top_next(4) == ()


@pytest.mark.parametrize("name", ["gemma2", "gpt_oss", "falcon"])
def test_what_comes_next(name):
    probabilities = torch.softmax(stock_output(name).logits[0, -1], dim=-1)
    run = capture(engine(name), TEXT)
    assert_near(run.predictions[0], probabilities, 1e-4)
    assert sum(candidate.probability for candidate in run.top_next(10**6)) == pytest.approx(1)


def test_finished_patterns_have_no_queries_to_show():
    run = capture(engine("falcon"), TEXT)
    assert_near(run.pattern(2), stock_output("falcon").attentions[2][0])
    for ask in (run.query, run.key, run.value, run.attention_scores, run.value_weighted):
        with pytest.raises(BadSelection) as error:
            ask(0, 0)
        assert_sentence(error.value)


def test_scores_before_the_softmax():
    run = capture(engine("llama gqa"), TEXT)
    scores = run.attention_scores(1, 4)
    by_hand = run.query(1, 4) @ run.key(1, 4).T * run.scaling(1)
    past = torch.ones_like(scores).tril().bool()
    assert_near(scores[past], by_hand[past])
    assert_near(scores.softmax(-1), run.pattern(1, 4))
    assert not run.adds_to_product(1)
    assert capture(engine("gemma2"), TEXT).adds_to_product(1)


@pytest.mark.parametrize("text", ["", "   ", "\n\t ", "\u3000"])
def test_an_empty_text(text):
    with pytest.raises(BadText, match="empty") as error:
        capture(engine("gpt2"), text)
    assert_sentence(error.value)


@pytest.mark.parametrize("text", ["a\ud800b", "ok \udfff", "\ud83d"])
def test_half_a_surrogate_pair(text):
    with pytest.raises(BadText, match=r"U\+D[8F]") as error:
        capture(engine("gpt2"), text)
    assert_sentence(error.value)


@pytest.mark.parametrize(
    "text", ["🙂🏳️‍🌈", "שלום عالم", "a\x00b\x07\x1b[31m", "<script>alert(1)</script>", "\u202eabc", "…"]
)
@pytest.mark.parametrize("name", ["gpt2", "bert", "falcon"])
def test_unusual_texts_are_read(name, text):
    run = capture(engine(name), text)
    count = len(demand_tokenizer(engine(name))(text)["input_ids"])
    assert len(run.tokens) == len(run.ids["text"]) == count
    assert all(run.tokens)
    assert run.pattern(0, 0).shape == (count, count)
    torch.testing.assert_close(run.pattern(1).sum(-1), torch.ones(run.heads(1), count))


def test_a_text_beyond_the_context():
    words = "cat " * 100
    count = len(demand_tokenizer(engine("gpt2"))(words)["input_ids"])
    with pytest.raises(TextTooLong) as error:
        capture(engine("gpt2"), words)
    assert (error.value.tokens, error.value.limit) == (count, 64)
    assert_sentence(error.value)
    run = capture(engine("gpt2"), words, max_tokens=1000)
    assert (len(run.tokens), run.dropped) == (64, count - 64)


def test_a_text_is_cut_where_asked():
    whole, cut = capture(engine("gpt2"), TEXT), capture(engine("gpt2"), TEXT, max_tokens=5)
    assert (cut.tokens, cut.dropped) == (whole.tokens[:5], len(whole.tokens) - 5)
    torch.testing.assert_close(cut.pattern(2), whole.pattern(2)[:, :5, :5])  # it never looked further
    assert capture(engine("gpt2"), TEXT, max_tokens=len(whole.tokens)).dropped == 0


def test_an_encoder_keeps_its_end_mark_when_cut():
    run = capture(engine("bert"), TEXT, max_tokens=5)
    whole = capture(engine("bert"), TEXT)
    assert run.tokens == ("[CLS]", "the", "cat", "sat", "[SEP]")
    assert run.dropped == len(whole.tokens) - 5
    short = capture(engine("bert"), "the cat sat")
    assert torch.equal(run.pattern(2), short.pattern(2))


@pytest.mark.parametrize("count", [0, -3])
def test_a_text_cannot_be_cut_to_nothing(count):
    with pytest.raises(BadSelection, match="max_tokens") as error:
        capture(engine("gpt2"), TEXT, max_tokens=count)
    assert_sentence(error.value)


SELECTIONS: dict[str, Callable[[Capture], object]] = {
    "layer beyond": lambda run: run.pattern(3),
    "layer negative": lambda run: run.pattern(-1),
    "head beyond": lambda run: run.pattern(0, 6),
    "head negative": lambda run: run.pattern(0, -1),
    "no such stack": lambda run: run.pattern(0, 0, stack="cross"),
    "value weighted": lambda run: run.value_weighted(0, 6),
    "query": lambda run: run.query(3, 0),
    "tiles": lambda run: run.tiles(stack="encoder"),
    "scores": lambda run: run.scores("encoder"),
    "rollout": lambda run: run.rollout("cross"),
    "source": lambda run: run.source_tokens,
}


@pytest.mark.parametrize("name", [*SELECTIONS])
def test_what_is_not_there_is_named(name):
    with pytest.raises(BadSelection) as error:
        SELECTIONS[name](capture(engine("gpt2"), TEXT))
    assert_sentence(error.value)


def test_the_range_stands_in_the_message():
    run = capture(engine("gpt2"), TEXT)
    with pytest.raises(BadSelection, match=r"Head 6 .* layer 2 has 6 heads \(0 to 5\)"):
        run.pattern(2, 6)
    with pytest.raises(BadSelection, match=r"Layer 3 .* 3 layers \(0 to 2\)"):
        run.pattern(3)
