"""What the page says of a text's marks and of generation settings, and the languages of a translator."""

from pathlib import Path

import pytest
from tokenizers import processors

from models.run.translator_languages import languages
from tests import tiny_models
from tests.app import visit
from tests.models import translators
from viz import services

TEXT = "the cat sat"


def folder_of(made, tokenizer, folder: Path) -> Path:
    made.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def m2m100(tmp_path: Path) -> Path:
    which = translators.m2m100(tmp_path)
    german = which.get_lang_id("de")
    return folder_of(translators.translator(which, forced_bos_token_id=german), which, tmp_path / "model")


def marking(tmp_path: Path, template: str) -> Path:
    """A Llama whose tokenizer puts <|end|> in front of a text or behind it."""
    folder = tiny_models.llama(tmp_path / "model")
    which = tiny_models.byte_level_tokenizer()
    which.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[("<|end|>", 0)]
    )
    which.save_pretrained(folder)
    return folder


def test_languages_can_be_chosen(m2m100: Path):
    app = visit.visit(model=m2m100, text=TEXT, stack="decoder", view="Continue")
    assert visit.axes(app)[0][:2] == ["</s>", "__de__"]
    assert any("forced_bos_token_id" in note for note in visit.notes(app))
    visit.rerun(app, target_language="fr", source_language="es")
    assert visit.axes(app)[0][:2] == ["</s>", "__fr__"]
    assert (app.query_params["source_language"], app.query_params["target_language"]) == ("es", "fr")
    request = services.Request(str(m2m100), "auto", TEXT, source_language="es", target_language="fr")
    assert services.capture(request).source_tokens[0] == "__es__"


def test_an_address_with_languages(m2m100: Path):
    app = visit.visit(
        model=m2m100, text=TEXT, stack="decoder", target_language="fr", source_language="nowhere"
    )
    assert visit.axes(app)[0][1] == "__fr__"
    assert app.selectbox(key="source_language").value == ""
    assert languages(services.model(str(m2m100), "auto")) is not None


def test_no_languages_where_a_tokenizer_has_none(tiny_t5: Path):
    app = visit.visit(model=tiny_t5, text=TEXT, target_language="fr")
    assert "target_language" not in {box.key for box in app.selectbox}
    assert not visit.complaints(app)


def test_a_beginning_that_is_there_already(tmp_path: Path):
    app = visit.visit(model=marking(tmp_path, "<|end|> $A"), text=f"<|end|>{TEXT}")
    assert visit.axes(app)[0].count("<|end|>") == 1
    assert any("begins with <|end|> itself" in note for note in visit.notes(app))


def test_an_end_mark_is_left_out(tmp_path: Path):
    app = visit.visit(model=marking(tmp_path, "$A <|end|>"), text=TEXT)
    assert "<|end|>" not in visit.axes(app)[0]
    assert any("ends every text with <|end|>" in note for note in visit.notes(app))


def test_nothing_is_said_of_a_plain_text(tiny_llama: Path):
    app = visit.visit(model=tiny_llama, text=TEXT, view="Continue")
    assert not any("itself" in note or "own probabilities" in note for note in visit.notes(app))
