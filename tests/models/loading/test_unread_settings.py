"""What a folder says and transformers does not act on: applied, named beside the model, or refused by name."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BartConfig,
    BartForSequenceClassification,
    BertForMaskedLM,
    BertForPreTraining,
    GPT2Config,
    GPT2Model,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from models.errors import BadSelection
from models.loading.loader import load
from models.look.capturing import capture
from models.look.generation import stream
from tests import tiny_models
from tests.sentences import assert_sentence, refusal

TEXT = "The cat sat on the mat."


def say(folder: Path, **entries: Any) -> Path:
    """Add entries to a folder's config.json."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))
    return folder


def add_weights(folder: Path, **tensors: torch.Tensor) -> Path:
    path = folder / "model.safetensors"
    save_file({**load_file(path), **tensors}, path, {"format": "pt"})
    return folder


@pytest.mark.parametrize(
    "entry",
    [
        {"position_embedding_type": "relative_key"},
        {"position_embedding_type": "relative_key_query"},
        {"position_embedding_type": "rotary"},
        {"position_embedding_type": "alibi"},
        {"alibi": True},
        {"use_alibi": True},
    ],
)
def test_a_kind_of_position_that_the_class_does_not_compute_is_refused(tmp_path: Path, entry: dict[str, Any]):
    said = refusal(say(tiny_models.bert(tmp_path / "bert"), **entry))
    assert next(iter(entry)) in said
    assert "BertForMaskedLM" in said


def test_the_refusal_names_the_code_that_would_have_done_it(tmp_path: Path):
    own = {"AutoModel": "modeling_own.OwnBertModel"}
    folder = say(tiny_models.bert(tmp_path / "bert"), position_embedding_type="alibi", auto_map=own)
    assert "modeling_own.OwnBertModel" in refusal(folder)


@pytest.mark.parametrize(
    "entry",
    [
        {"position_embedding_type": "absolute", "pruned_heads": {}},
        {"use_sliding_window": False, "sliding_window": 4096},
        {
            "rope_scaling": None,
            "alibi": False,
            "attention_dropout": 0.1,
            "_attn_implementation": "flash_attention_2",
        },
        {"is_causal": True},
    ],
)
def test_entries_that_change_nothing_are_not_mentioned(tmp_path: Path, entry: dict[str, Any]):
    assert load(str(say(tiny_models.llama(tmp_path / "llama"), **entry))).note == ""


@pytest.mark.parametrize(
    "entry",
    [
        {"sliding_window": 8},
        {"attn_logit_softcapping": 30.0},
        {"use_qk_norm": True},
        {"use_logn_attn": True},
        {"rope_ratio": 8},
        {"attention_sinks": 4},
    ],
)
def test_an_entry_of_attention_that_the_class_does_not_read_is_noted(tmp_path: Path, entry: dict[str, Any]):
    note = load(str(say(tiny_models.llama(tmp_path / "llama"), **entry))).note
    assert_sentence(note)
    assert next(iter(entry)) in note
    assert "LlamaForCausalLM" in note


def test_code_that_is_not_run_is_noted(tmp_path: Path):
    own = {"AutoModelForCausalLM": "modeling_own.OwnForCausalLM"}
    note = load(str(say(tiny_models.llama(tmp_path / "llama"), auto_map=own))).note
    assert "modeling_own.OwnForCausalLM" in note
    assert "never run" in note


def test_code_of_the_tokenizer_that_is_not_run_is_noted(tmp_path: Path):
    folder = tiny_models.llama(tmp_path / "llama")
    path = folder / "tokenizer_config.json"
    own = {"AutoTokenizer": ["tokenization_own.OwnTokenizer", None]}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"auto_map": own}))
    assert "tokenization_own.OwnTokenizer" in load(str(folder)).note


def test_a_class_that_transformers_does_not_have_is_noted(tmp_path: Path):
    note = load(str(say(tiny_models.llama(tmp_path / "llama"), architectures=["LlamaForOwnTask"]))).note
    assert "LlamaForOwnTask" in note


@pytest.mark.parametrize("part", ["self_attn.q_proj", "self_attn.o_proj", "mlp.down_proj"])
def test_biases_that_the_config_does_not_know_are_refused(tmp_path: Path, part: str):
    folder = tiny_models.llama(tmp_path / "llama")
    rows = load_file(folder / "model.safetensors")[f"model.layers.1.{part}.weight"].shape[0]
    add_weights(folder, **{f"model.layers.1.{part}.bias": torch.ones(rows)})
    said = refusal(folder)
    assert f"model.layers.1.{part}.bias" in said
    assert ("attention_bias" in said) == ("self_attn" in part)
    assert ("mlp_bias" in said) == ("mlp" in part)


def test_the_switch_that_the_refusal_names_applies_the_biases(tmp_path: Path):
    folder = tiny_models.llama(tmp_path / "llama")
    tensors = load_file(folder / "model.safetensors")
    names = [name for name in tensors if "self_attn" in name]
    add_weights(folder, **{f"{name[:-7]}.bias": torch.full((tensors[name].shape[0],), 0.1) for name in names})
    refusal(folder)
    assert load(str(say(folder, attention_bias=True))).note == ""


def test_biases_of_nothing_but_zeros_change_nothing(tmp_path: Path):
    folder = tiny_models.llama(tmp_path / "llama")
    add_weights(folder, **{"model.layers.1.self_attn.o_proj.bias": torch.zeros(48)})
    assert load(str(folder)).note == ""


def test_other_weights_in_a_layer_are_refused_and_so_are_layers_beyond_the_config(tmp_path: Path):
    folder = tiny_models.llama(tmp_path / "llama")
    add_weights(folder, **{"model.layers.0.self_attn.q_norm.weight": torch.ones(8)})
    assert "q_norm" in refusal(folder)
    fewer = say(tiny_models.llama(tmp_path / "fewer"), num_hidden_layers=2)
    assert "model.layers.2." in refusal(fewer)


def test_the_head_of_another_task_is_named(tmp_path: Path):
    pretrained = BertForPreTraining(tiny_models.bert_config())
    folder = tiny_models.save(pretrained, tiny_models.word_piece_tokenizer(), tmp_path / "bert")
    model = load(str(folder))
    assert isinstance(model.module, BertForMaskedLM)
    assert_sentence(model.note)
    assert "cls.seq_relationship" in model.note


def test_a_decoder_without_its_language_head_says_so(tmp_path: Path):
    config = GPT2Config(n_layer=2, n_head=3, n_embd=12, n_positions=61, vocab_size=311)
    folder = tiny_models.save(GPT2Model(config), tiny_models.byte_level_tokenizer(), tmp_path / "gpt2")
    model = load(str(folder))
    assert "no language head" in model.note
    assert capture(model, TEXT).places == ()


@pytest.mark.parametrize(
    ("named", "wanted"),
    [
        (["GPT2LMHeadModel"], "GPT2LMHeadModel"),
        (None, "AutoModelForCausalLM"),
        (["OwnModel"], "AutoModelForCausalLM"),
    ],
)
def test_the_advice_for_pickles_keeps_the_language_head(tmp_path: Path, named: Any, wanted: str):
    GPT2Config(architectures=named).save_pretrained(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    said = refusal(tmp_path)
    assert f"transformers.{wanted}.from_pretrained" in said


def qwen(folder: Path, **entries: Any) -> Path:
    torch.manual_seed(0)
    config = Qwen2Config(
        num_hidden_layers=2,
        num_attention_heads=6,
        num_key_value_heads=2,
        hidden_size=48,
        intermediate_size=37,
        vocab_size=311,
        max_position_embeddings=127,
        bos_token_id=0,
        eos_token_id=0,
    )
    return say(
        tiny_models.save(Qwen2ForCausalLM(config), tiny_models.byte_level_tokenizer(), folder), **entries
    )


def test_a_model_that_looks_both_ways_predicts_no_next_token(tmp_path: Path):
    model = load(str(qwen(tmp_path / "qwen", is_causal=False)))
    assert model.geometry.role == "encoder"
    assert "is_causal: false" in model.note
    run = capture(model, TEXT)
    assert torch.triu(run.pattern(0), diagonal=1).max() > 0
    assert run.places == ()
    with pytest.raises(BadSelection, match="both ways"):
        list(stream(model, TEXT, 3))


@pytest.mark.parametrize("entry", [{"use_bidirectional_attention": True}, {"bidirectional": True}])
def test_a_model_that_should_look_both_ways_and_does_not_is_refused(tmp_path: Path, entry: dict[str, Any]):
    said = refusal(qwen(tmp_path / "qwen", **entry))
    assert next(iter(entry)) in said
    assert "looks back only" in said


def test_a_classifier_of_two_stacks_reads_the_text_with_both(tmp_path: Path):
    torch.manual_seed(0)
    config = BartConfig(
        encoder_layers=2,
        decoder_layers=3,
        encoder_attention_heads=3,
        decoder_attention_heads=3,
        d_model=12,
        encoder_ffn_dim=17,
        decoder_ffn_dim=17,
        vocab_size=311,
        max_position_embeddings=97,
    )
    module = BartForSequenceClassification(config).eval()
    folder = tiny_models.save(module, tiny_models.byte_level_tokenizer(), tmp_path / "bart")
    model = load(str(folder))
    assert_sentence(model.note)
    assert "classification_head" in model.note
    run = capture(model, source=TEXT)
    assert run.ids["target"][1:] == run.ids["source"][: len(run.ids["target"]) - 1]
    module.set_attn_implementation("eager")
    with torch.no_grad():
        theirs = module.model(
            input_ids=torch.tensor([run.ids["source"]]),
            decoder_input_ids=torch.tensor([run.ids["target"]]),
            output_attentions=True,
        )
    torch.testing.assert_close(
        run.pattern(2, stack="cross"), theirs.cross_attentions[2][0], atol=1e-5, rtol=0
    )
