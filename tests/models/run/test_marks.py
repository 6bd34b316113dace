"""What a tokenizer puts around a text: nothing twice, and no end mark in front of what a model is to write."""

from typing import Any, cast

import pytest
import torch
from tokenizers import processors
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from models import capture, count_tokens, stream, token_loss
from models.loading.loader import wrap
from models.look.generation import token_ids
from models.run.inputs import encode, encode_pair, marks_left_out
from models.run.model import AttentionModel, demand_tokenizer
from tests.models.engine_models import engine, fresh
from tests.tiny_models import byte_level_tokenizer

TEXT = "the cat sat on the"


def marking(template: str) -> PreTrainedTokenizerFast:
    """Byte-level BPE whose text begins with <s>, or ends with </s>, as the template says."""
    made = byte_level_tokenizer()
    made.add_special_tokens({"bos_token": "<s>", "eos_token": "</s>"})
    ids = [(token, made.convert_tokens_to_ids(token)) for token in ("<s>", "</s>")]
    made.backend_tokenizer.post_processor = processors.TemplateProcessing(single=template, special_tokens=ids)
    return made


def reading(template: str) -> AttentionModel:
    return fresh("gpt2", marking(template))


def test_a_text_that_begins_itself_is_not_begun_twice():
    model = reading("<s> $A")
    once = demand_tokenizer(model)(TEXT)["input_ids"]
    pasted = "<s>" + TEXT
    assert list(encode(model, pasted).ids["text"]) == once == list(encode(model, TEXT).ids["text"])
    assert count_tokens(model, pasted) == len(once)
    assert marks_left_out(model, pasted) == (("<s>",), ())
    assert marks_left_out(model, TEXT) == ((), ())


def test_a_beginning_inside_of_the_text_stays():
    model = reading("<s> $A")
    assert encode(model, "cat <s> sat").tokens["text"].count("<s>") == 2


def test_an_encoder_reads_typed_marks_once():
    model = engine("bert")
    assert encode(model, "[CLS] the cat [SEP]").ids == encode(model, "the cat").ids
    assert marks_left_out(model, "[CLS] the cat [SEP]") == (("[CLS]",), ("[SEP]",))


def test_a_source_and_a_target_end_once():
    model = engine("t5")
    assert encode(model, "the cat</s>").ids == encode(model, "the cat").ids
    typed, plain = (encode_pair(model, "the cat", target) for target in ("the dog</s>", "the dog"))
    assert typed.ids == plain.ids


@pytest.mark.parametrize("template", ["$A </s>", "<s> $A </s>"])
def test_what_follows_a_text_follows_it_and_not_its_end_mark(template):
    model = reading(template)
    ids = demand_tokenizer(model)(TEXT)["input_ids"][:-1]
    given = encode(model, TEXT)
    assert list(given.ids["text"]) == ids
    assert marks_left_out(model, TEXT) == ((), ("</s>",))
    generator: Any = model.module
    expected = generator.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=6)[0].tolist()
    assert list(token_ids(model, given, 6)) == expected[len(ids) :]
    run = capture(model, TEXT)
    logits = generator(torch.tensor([ids])).logits[0, -1]
    assert run.places == (len(ids) - 1,)
    assert run.top_next(1)[0].token_id == int(logits.argmax())
    assert len(token_loss(model, TEXT)) == len(ids)
    assert len(list(stream(model, TEXT, 3))) <= 3


def test_an_end_mark_that_was_typed_is_read():
    model = reading("$A </s>")
    assert encode(model, TEXT + "</s>").tokens["text"][-1] == "</s>"


def test_an_encoder_and_a_source_keep_their_end_marks():
    assert encode(engine("bert"), TEXT).tokens["text"][-1] == "[SEP]"
    assert encode(engine("t5"), TEXT).tokens["text"][-1] == "</s>"


def test_a_decoder_without_a_language_head_reads_the_mark_that_it_may_sum_up_in():
    body = wrap(cast(PreTrainedModel, reading("$A </s>").module.base_model), marking("$A </s>"), name="Body")
    assert encode(body, TEXT).tokens["text"][-1] == "</s>"


def test_the_cut_falls_on_the_text():
    model = reading("<s> $A </s>")
    given = encode(model, "<s>" + TEXT, max_tokens=3)
    whole = demand_tokenizer(model)(TEXT)["input_ids"]
    assert list(given.ids["text"]) == whole[:3]
    assert given.dropped == len(whole) - 1 - 3
