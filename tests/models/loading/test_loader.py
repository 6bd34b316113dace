"""From a name to a model: roles, formats and places."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import (
    BertForSequenceClassification,
    BertModel,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    RobertaConfig,
    RobertaForMaskedLM,
    T5EncoderModel,
)

from models.errors import BadSelection
from models.loading.loader import load
from models.run.model import AttentionModel
from tests import tiny_models
from tests.sentences import assert_sentence

Load = Callable[[str], AttentionModel]


def test_a_decoder_folder(load_once: Load, tiny_llama: Path):
    model = load_once(str(tiny_llama))
    assert isinstance(model.module, LlamaForCausalLM)
    assert model.geometry.role == "decoder"
    assert model.geometry.kind == "gqa"
    assert model.plan.layers("decoder") == 3
    assert model.note == ""


def test_what_is_loaded_is_what_transformers_loads(load_once: Load, tiny_llama: Path):
    ids = torch.arange(23).unsqueeze(0)
    with torch.no_grad():
        theirs = LlamaForCausalLM.from_pretrained(tiny_llama, attn_implementation="eager")(ids).logits
        ours = load_once(str(tiny_llama)).module(ids).logits
    torch.testing.assert_close(ours, theirs, atol=1e-5 * theirs.abs().max().item(), rtol=0)
    assert not torch.allclose(ours, torch.zeros_like(ours), atol=1e-3)


def test_nothing_trains_and_nothing_drops_out(load_once: Load, tiny_bert: Path):
    module = load_once(str(tiny_bert)).module
    assert not module.training
    assert not any(weight.requires_grad for weight in module.parameters())


def test_an_encoder_folder(load_once: Load, tiny_bert: Path):
    model = load_once(str(tiny_bert))
    assert type(model.module).__name__ == "BertForMaskedLM"
    assert (model.geometry.role, model.geometry.context) == ("encoder", 97)


def test_an_encoder_decoder_folder(load_once: Load, tiny_t5: Path):
    model = load_once(str(tiny_t5))
    assert model.geometry.role == "encoder-decoder"
    assert (model.geometry.encoder_layers, model.geometry.layers) == (2, 3)
    assert set(model.plan.stacks) == {"encoder", "decoder", "cross"}


def test_weights_without_a_language_head_are_loaded_without_one(tmp_path: Path):
    bare = tiny_models.save(
        BertModel(tiny_models.bert_config()), tiny_models.word_piece_tokenizer(), tmp_path / "bare"
    )
    assert type(load(str(bare)).module) is BertModel
    classifier = BertForSequenceClassification(tiny_models.bert_config())
    folder = tiny_models.save(classifier, tiny_models.word_piece_tokenizer(), tmp_path / "classifier")
    module = load(str(folder)).module
    assert type(module) is BertModel
    torch.testing.assert_close(
        module.embeddings.word_embeddings.weight, classifier.bert.get_input_embeddings().weight
    )


def test_a_config_that_names_no_class_gets_a_head_only_if_the_weights_have_one(
    tmp_path: Path, tiny_bert: Path
):
    bare = BertModel(tiny_models.bert_config())
    folder = tiny_models.save(bare, tiny_models.word_piece_tokenizer(), tmp_path / "bare")
    forget_class(folder)
    assert type(load(str(folder)).module) is BertModel
    whole = tiny_models.bert(tmp_path / "whole")
    forget_class(whole)
    assert type(load(str(whole)).module).__name__ == "BertForMaskedLM"


def forget_class(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(path.read_text().replace('"architectures"', '"forgotten"'))


def test_a_decoder_trained_to_classify_shows_its_body(tmp_path: Path, tiny_llama: Path):
    config = LlamaForCausalLM.from_pretrained(tiny_llama).config
    folder = tmp_path / "classifier"
    tiny_models.save(LlamaForSequenceClassification(config), tiny_models.byte_level_tokenizer(), folder)
    model = load(str(folder))
    assert type(model.module).__name__ == "LlamaModel"
    assert model.geometry.role == "decoder"


def test_the_encoder_half_of_a_t5(tmp_path: Path, tiny_t5: Path):
    folder = tmp_path / "encoder"
    tiny_models.save(T5EncoderModel.from_pretrained(tiny_t5), tiny_models.unigram_tokenizer(), folder)
    model = load(str(folder))
    assert model.geometry.role == "encoder"
    assert model.geometry.layers == 2


def test_roberta_takes_fewer_tokens_than_it_has_rows(tmp_path: Path):
    config = RobertaConfig(
        num_hidden_layers=1,
        num_attention_heads=3,
        hidden_size=12,
        intermediate_size=17,
        vocab_size=311,
        max_position_embeddings=97,
        pad_token_id=1,
    )
    folder = tiny_models.save(
        RobertaForMaskedLM(config), tiny_models.byte_level_tokenizer(), tmp_path / "roberta"
    )
    model = load(str(folder))
    assert model.geometry.context == 95
    longest = torch.full((1, 95), 7)
    assert model.module(longest).logits.shape == (1, 95, 311)
    with pytest.raises((IndexError, RuntimeError), match="out of"):
        model.module(torch.full((1, 96), 7))


def test_the_cpu_takes_float32_unless_told_otherwise(load_once: Load, tiny_llama: Path):
    assert load_once(str(tiny_llama)).dtype == torch.float32
    model = load(str(tiny_llama), device="cpu", dtype="bfloat16")
    assert model.dtype == model.module.dtype == torch.bfloat16


@pytest.mark.parametrize(("device", "dtype"), [("tpu", "auto"), ("cuda:99", "auto"), ("cpu", "int3")])
def test_a_place_or_format_that_is_not_here_gives_a_sentence(tiny_llama: Path, device: str, dtype: str):
    with pytest.raises(BadSelection) as caught:
        load(str(tiny_llama), device, dtype)
    assert_sentence(caught.value)
    assert (device if dtype == "auto" else dtype) in str(caught.value)


def test_progress_goes_from_nothing_to_everything(tiny_bert: Path, capfd: pytest.CaptureFixture[str]):
    told: list[tuple[str, float]] = []
    load(str(tiny_bert), progress=lambda message, fraction: told.append((message, fraction)))
    fractions = [fraction for _, fraction in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert all(message for message, _ in told)
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""
