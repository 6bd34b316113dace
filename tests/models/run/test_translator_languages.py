"""Translators: languages as their tokenizers mark them, written as generate writes them, and labels of each vocabulary."""

from typing import Any

import pytest
import torch

from models import BadSelection, capture, languages, stream, with_languages
from models.loading.loader import wrap
from models.look.generation import write_target
from models.run.inputs import encode, encode_pair
from models.run.tokens import display_tokens
from tests.models import translators
from tests.models.engine_models import engine
from tests.sentences import assert_sentence

TEXT, TARGET = "the cat sat on the mat", "der Hund"
KINDS = {
    "m2m100": (translators.m2m100, "en", "de", "fr"),
    "nllb": (translators.nllb, "eng_Latn", "deu_Latn", "fra_Latn"),
    "mbart": (translators.mbart, "en_XX", "de_DE", "fr_XX"),
}


@pytest.fixture(params=KINDS)
def kind(request, tmp_path):
    make, *codes = KINDS[request.param]
    return make(tmp_path), *codes


def generated(model, given, count: int, **settings) -> list[int]:
    """By transformers, without its end mark."""
    ids = model.module.generate(**given, do_sample=False, max_new_tokens=count, **settings)[0].tolist()
    return ids[:-1] if ids[-1] == 2 else ids


def test_the_source_is_marked_as_the_tokenizer_does(kind):
    which, own, german, _ = kind
    model = wrap(translators.translator(which), which)
    known = languages(model)
    assert known is not None
    assert (known.source, known.target) == (own, "")
    assert list(encode(model, TEXT).ids["text"]) == which(TEXT)["input_ids"]
    read = encode(with_languages(model, source=german), TEXT)
    assert which.src_lang == own  # shared by all who read with this model
    which.src_lang = german
    assert list(read.ids["text"]) == which(TEXT)["input_ids"]
    assert read.inputs["input_ids"].tolist() == [which(TEXT)["input_ids"]]


def test_the_target_as_generate_writes_it(kind):
    which, _, german, french = kind
    forced = which.convert_tokens_to_ids(german) if german != "de" else which.get_lang_id("de")
    model = wrap(translators.translator(which, forced_bos_token_id=forced), which)
    given = which(TEXT, return_tensors="pt")
    assert write_target(model, encode(model, TEXT), 6) == generated(model, given, 6)
    known = languages(model)
    assert known is not None
    assert known.target == german
    other = with_languages(model, target=french)
    expected = generated(model, given, 6, forced_bos_token_id=known.ids[french])
    assert write_target(other, encode(other, TEXT), 6) == expected
    assert expected[:2] == [2, known.ids[french]]


def test_a_given_target_begins_with_its_language(kind):
    which, _, german, french = kind
    plain = which(TARGET, add_special_tokens=False)["input_ids"]
    model = wrap(translators.translator(which), which)
    known = languages(model)
    assert known is not None
    assert encode_pair(model, TEXT, TARGET).ids["target"] == (2, *plain)
    for code in (german, french):
        chosen = with_languages(model, target=code)
        assert encode_pair(chosen, TEXT, TARGET).ids["target"] == (2, known.ids[code], *plain)


def test_a_target_that_starts_with_its_language(tmp_path):
    """The first mBART models name the language as the start token."""
    which: Any = translators.mbart(tmp_path)
    german, french = (which.lang_code_to_id[code] for code in ("de_DE", "fr_XX"))
    model = wrap(translators.translator(which, decoder_start_token_id=german), which)
    known = languages(model)
    assert known is not None
    assert known.target == "de_DE"
    assert write_target(model, encode(model, TEXT), 5) == generated(
        model, which(TEXT, return_tensors="pt"), 5
    )
    other = with_languages(model, target="fr_XX")
    expected = generated(model, which(TEXT, return_tensors="pt"), 5, decoder_start_token_id=french)
    assert write_target(other, encode(other, TEXT), 5) == expected
    plain = which(TARGET, add_special_tokens=False)["input_ids"]
    assert encode_pair(other, TEXT, TARGET).ids["target"] == (french, *plain)


def test_every_way_to_write_takes_the_language(tmp_path):
    which = translators.m2m100(tmp_path)
    model = with_languages(wrap(translators.translator(which), which), "fr", "de")
    run = capture(model, source=TEXT)
    assert (run.source_tokens[0], run.target_tokens[1]) == ("__fr__", "__de__")
    assert list(stream(model, TEXT, 4)) == list(stream(with_languages(model, "fr", "de"), TEXT, 4))


@pytest.mark.parametrize("code", ["xx", "de "])
def test_a_language_that_is_not_there(code, tmp_path):
    which = translators.m2m100(tmp_path)
    with pytest.raises(BadSelection, match="has no language") as error:
        with_languages(wrap(translators.translator(which), which), target=code)
    assert_sentence(error.value)


@pytest.mark.parametrize("name", ["t5", "gpt2", "bert"])
def test_models_without_languages(name):
    assert languages(engine(name)) is None
    with pytest.raises(BadSelection, match="no languages") as error:
        with_languages(engine(name), source="de")
    assert_sentence(error.value)


def test_each_side_of_two_vocabularies_has_its_own_labels(tmp_path):
    which: Any = translators.marian(tmp_path)
    read = which("the cat sat")["input_ids"]
    written = which(text_target="der Hund")["input_ids"]
    assert display_tokens(which, read, source=True)[-1] == "</s>"
    assert "".join(display_tokens(which, read, source=True)) == " the cat sat</s>"
    assert "".join(display_tokens(which, written)) == " der Hund</s>"
    count = len(which.target_encoder)
    pad = which.encoder["<pad>"]
    assert display_tokens(which, [pad], source=True) == ("<pad>",)
    assert display_tokens(which, [count, pad + 1]) == (
        f"<unused {count}>",
        display_tokens(which, [pad + 1])[0],
    )


def test_a_captures_axes_have_their_own_vocabularies(tmp_path):
    which = translators.marian(tmp_path)
    model = wrap(translators.translator(which), which)
    run = capture(model, source="the cat sat", target="der Hund")
    assert "".join(run.source_tokens) == " the cat sat</s>"
    assert "".join(run.target_tokens[1:]) == " der Hund"
    assert torch.isfinite(run.predictions).all()
    best = run.top_next(1)[0]
    assert best.token == display_tokens(which, [best.token_id])[0]
