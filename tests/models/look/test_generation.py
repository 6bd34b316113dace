"""Writing on: transformers' own generate is the measure, and nobody's random numbers are anybody else's."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import cast

import pytest
import torch
from transformers import PreTrainedModel

from models import BadSelection, BadText, TextTooLong, stream
from models.loading.loader import wrap
from models.look import generation
from models.look.generation import Manner, token_ids
from models.run.inputs import encode
from models.run.model import AttentionModel, demand_tokenizer
from tests.models.engine_models import TEXT, engine, fresh, stock, stock_generates, tokenizer
from tests.models.run.test_tokens import llama_like
from tests.sentences import assert_sentence

START = "The capital of France is"


def written(name: str, count: int, text: str = TEXT) -> list[int]:
    model = engine(name)
    return list(token_ids(model, encode(model, text), count))


def spelling(text: str, which, monkeypatch: pytest.MonkeyPatch, before: str = "the cat") -> list[str]:
    """The pieces that come out where the model chooses the tokens of `text` one after the other."""
    model = fresh("gpt2")
    model = AttentionModel(
        model.name, model.module, which, model.geometry, model.plan, model.device, model.dtype
    )
    whole, start = which(before + text)["input_ids"], which(before)["input_ids"]
    assert whole[: len(start)] == start
    monkeypatch.setattr(generation, "token_ids", lambda *_: iter(whole[len(start) :]))
    return list(stream(model, before, 99))


@pytest.mark.real
def test_the_default_model_as_transformers_generates(smollm2):
    given = demand_tokenizer(smollm2)(START, return_tensors="pt")
    expected = smollm2.module.generate(**given, do_sample=False, max_new_tokens=12)[0]
    text = demand_tokenizer(smollm2).decode(expected, skip_special_tokens=True)
    pieces = list(stream(smollm2, START, 12))
    assert START + "".join(pieces) == text
    assert "Paris" in pieces[0]


@pytest.mark.parametrize(
    "name", ["gpt2", "llama gqa", "gemma2", "gpt_oss", "phi", "deepseek_v3", "falcon", "openai-gpt"]
)
def test_a_decoder_as_transformers_generates(name):
    start = len(tokenizer("causal")(TEXT)["input_ids"])
    found = written(name, 14)
    assert found == stock_generates(name, TEXT, 14)[start:]
    assert len(set(found)) > 1


@pytest.mark.parametrize("name", ["bamba", "jamba"])
def test_a_decoder_whose_first_layer_has_no_attention(name):
    start = len(tokenizer("causal")(TEXT)["input_ids"])
    assert written(name, 9) == stock_generates(name, TEXT, 9)[start:]


@pytest.mark.parametrize("text", ["the cat sat", "John gave a drink to Mary"])
@pytest.mark.parametrize("name", ["t5", "bart"])
def test_an_encoder_decoder_as_transformers_generates(name, text):
    expected = stock_generates(name, text, 12)[1:]
    assert written(name, 12, text) == expected
    assert "".join(stream(engine(name), text, 12)) == tokenizer("seq2seq").decode(
        expected, skip_special_tokens=True
    )


def test_tokens_that_the_model_rules_out_are_not_written():
    model: PreTrainedModel = fresh("bart").module
    first = written("bart", 3, "the cat sat")[0]
    model.generation_config.bad_words_ids = [[first]]
    forbidden = wrap(model, tokenizer("seq2seq"), "Bart")
    found = list(token_ids(forbidden, encode(forbidden, "the cat sat"), 12))
    assert found == stock_generates("bart", "the cat sat", 12, bad_words_ids=[[first]])[1:]
    assert first not in found


def test_it_ends_where_the_model_says_so():
    model = fresh("gpt2")
    found = written("gpt2", 14)
    end = found[5]
    model.module.generation_config.eos_token_id = [end, 300]
    assert list(token_ids(model, encode(model, TEXT), 14)) == found[: found.index(end)]


def test_it_ends_at_the_context():
    model = engine("gpt2")
    long = "cat " * 50
    used = len(tokenizer("causal")(long)["input_ids"])
    assert 40 < used < 64
    assert len(list(token_ids(model, encode(model, long), 100))) == 64 - used


def test_temperature_flattens_the_choice():
    cold, hot = ({tuple(sampled(seed, heat)) for seed in range(5)} for heat in (1e-4, 50.0))
    assert cold == {tuple(written("gpt2", 8))}
    assert len(hot) == 5


def sampled(seed: int, temperature: float = 1.3, name: str = "gpt2") -> list[int]:
    model = engine(name)
    return list(token_ids(model, encode(model, TEXT), 8, Manner(temperature, seed)))


def test_sampling_draws_what_softmax_says():
    """One token over many seeds against the probabilities of the stock model at this temperature, among the 50 likeliest."""
    ids = torch.tensor([tokenizer("causal")("cat")["input_ids"]])
    with torch.no_grad():
        logits = stock("gpt2")(input_ids=ids).logits[0, -1] / 0.5
    left = logits >= logits.topk(50).values[-1]
    expected = torch.softmax(logits.masked_fill(~left, -torch.inf), dim=-1)
    model = engine("gpt2")
    given = encode(model, "cat")
    draws = torch.tensor([next(token_ids(model, given, 1, Manner(0.5, seed))) for seed in range(200)])
    found = torch.bincount(draws, minlength=len(expected)) / len(draws)
    likely = expected.topk(3).indices
    assert expected[likely].sum() > 0.2
    assert (found - expected)[likely].abs().max() < 0.1  # the seeds are fixed


def test_seeds_are_kept_apart_between_threads():
    state = torch.get_rng_state()
    alone = [sampled(seed) for seed in range(4)]
    assert torch.equal(torch.get_rng_state(), state)  # the process-wide numbers were not touched
    assert len(set(map(tuple, alone))) == 4
    start = threading.Barrier(4)

    def begin(seed: int) -> list[int]:
        start.wait()
        torch.rand(seed)
        return sampled(seed)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(begin, range(4))) == alone


def test_closing_stops_the_model():
    model, passes = fresh("gpt2"), []
    model.module.register_forward_hook(lambda *_: passes.append(1))
    with closing(token_ids(model, encode(model, TEXT), 12)) as running:
        next(running)
        next(running)
    assert len(passes) == 2
    pieces = stream(model, TEXT, 12)
    next(pieces)
    count = len(passes)
    pieces.close()
    assert list(pieces) == []
    assert len(passes) == count


@pytest.mark.parametrize("text", [" 🙂", " a🙂🏽b", " naïve", " שלום", "🙂🙂 x"])
def test_pieces_are_whole_characters(text, monkeypatch):
    pieces = spelling(text, tokenizer("causal"), monkeypatch)
    assert "".join(pieces) == text
    assert not any("\ufffd" in piece for piece in pieces)
    assert all(pieces)


def test_half_a_character_at_the_end_is_left_out(monkeypatch):
    which = tokenizer("causal")
    start = which("the cat")["input_ids"]
    cut = which("the cat on🙂")["input_ids"][len(start) : -1]
    monkeypatch.setattr(generation, "token_ids", lambda *_: iter(cut))
    assert "".join(stream(engine("gpt2"), "the cat", 99)) == " on"


def test_the_space_before_the_first_word_is_kept(monkeypatch):
    """SentencePiece drops the space that begins what it decodes, which here stands between the text and its sequel."""
    assert spelling(" sat\ncat 🙂", llama_like(), monkeypatch, "cat")[0] == " sat"
    assert "".join(spelling(" sat\ncat 🙂", llama_like(), monkeypatch, "cat")) == " sat\ncat 🙂"


@pytest.mark.parametrize("temperature", [-0.1, -1.0, float("nan")])
def test_a_temperature_below_zero(temperature):
    with pytest.raises(BadSelection, match="temperature") as error:
        next(stream(engine("gpt2"), TEXT, 3, temperature))
    assert_sentence(error.value)


@pytest.mark.parametrize("name", ["bert", "xlnet"])
def test_what_looks_both_ways_cannot_write(name):
    with pytest.raises(BadSelection, match="cannot continue") as error:
        next(stream(engine(name), TEXT, 3))
    assert_sentence(error.value)


@pytest.mark.parametrize(("name", "text"), [("gpt2", TEXT), ("bart", "the cat")])
def test_a_model_without_a_language_head_says_so(name, text):
    body = cast(PreTrainedModel, fresh(name).module.base_model)
    bare = wrap(body, tokenizer("causal" if name == "gpt2" else "seq2seq"), "Body")
    with pytest.raises(BadSelection, match="no language head") as error:
        next(stream(bare, text, 3))
    assert_sentence(error.value)


def test_bad_texts():
    for text, expected in (("  ", BadText), ("\udc00", BadText), ("cat " * 90, TextTooLong)):
        with pytest.raises(expected):
            next(stream(engine("gpt2"), text, 3))
