"""Folders that ask for more than they hold, or whose tokenizers break: refused before anything is built."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Regex, pre_tokenizers
from transformers import AutoConfig, PreTrainedTokenizerFast

from models.costs.sources import anatomy
from models.errors import BadText, BrokenWeights, HeadlightError
from models.loading import asked_size, folder_check
from models.loading.loader import load
from models.look.capturing import capture
from tests import tiny_models
from tests.sentences import assert_sentence, refusal


@pytest.fixture
def copy(tiny_llama: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_llama, tmp_path / "copy")


def say(folder: Path, **entries: Any) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))
    return folder


@pytest.fixture
def nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the config's own lists nor a skeleton."""

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("built before it was compared")

    monkeypatch.setattr("models.loading.loader._config", fail)
    monkeypatch.setattr(asked_size, "_skeleton", fail)


@pytest.mark.parametrize(
    "entry",
    [
        {"num_hidden_layers": 10**6},
        {"num_hidden_layers": 10**12},
        {"num_hidden_layers": 900},
        {"num_attention_heads": 10**7},
        {"num_key_value_heads": 10**9},
        {"hidden_size": 10**12},
        {"vocab_size": 10**15},
        {"max_position_embeddings": 10**18},
        {"num_labels": 10**8},
        {"hops": 10**7},
        {"text_config": {"num_hidden_layers": 10**6}},
        {"layer_types": ["full_attention"] * 200_000},
    ],
)
@pytest.mark.usefixtures("nothing_is_built")
def test_absurd_numbers_are_refused_before_anything_is_built(copy: Path, entry: dict[str, Any]):
    said = refusal(say(copy, **entry))
    if "layer_types" not in entry:
        assert str(next(iter(entry.get("text_config", entry)))) in said


@pytest.mark.parametrize(
    "entry",
    [{"hidden_size": 6 * 2**18}, {"vocab_size": 2**26}, {"intermediate_size": 2**24}, {"head_dim": 2**20}],
)
def test_sizes_are_held_against_the_weights_before_any_is_made(
    copy: Path, entry: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("made before it was compared")

    monkeypatch.setattr("models.loading.loader._read", fail)
    said = refusal(say(copy, **entry))
    assert "parameters" in said
    assert f"{sum(tensor.numel() for tensor in _tensors(copy)):,}" in said


def _tensors(folder: Path) -> list[torch.Tensor]:
    return list(load_file(folder / "model.safetensors").values())


def test_the_planner_refuses_absurd_numbers_too(copy: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("read before it was compared")

    monkeypatch.setattr(AutoConfig, "for_model", fail)
    text = say(copy, num_hidden_layers=10**9).joinpath("config.json").read_text()
    with pytest.raises(HeadlightError) as caught:
        anatomy(text)
    assert_sentence(caught.value)
    assert "num_hidden_layers" in str(caught.value)


@pytest.mark.parametrize(
    "content",
    ['{"a":' * 50_000, '{"model_type": ["llama"]}', '{"model_type": 7}', '{"a": ' * 50 + "1" + "}" * 50],
)
def test_configs_of_odd_forms(copy: Path, content: str):
    (copy / "config.json").write_text(content)
    refusal(copy)


def test_a_config_as_large_as_weights_is_not_read(copy: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(folder_check, "_MOST_BYTES", 100)
    assert "MB" in refusal(copy)


@pytest.mark.parametrize(
    "entry",
    [
        {"quantization_config": None},
        {"quantization_config": {}},
        {"auto_map": None},
        {"rope_scaling": None},
        {"architectures": None},
        {"pruned_heads": None},
        {"text_config": None},
        {"generation_config": None},
    ],
)
def test_sections_with_nothing_in_them_say_nothing(copy: Path, entry: dict[str, Any]):
    assert load(str(say(copy, **entry))).note == ""


@pytest.mark.parametrize("section", ["gptq", {"quant_method": "awq"}, {"bits": 4}])
def test_a_section_about_quantised_weights_is_refused(copy: Path, section: object):
    assert "quantised" in refusal(say(copy, quantization_config=section))


def test_weights_of_another_size_are_told_with_both_sizes(copy: Path):
    said = refusal(say(copy, intermediate_size=41))
    assert "[37, 48]" in said or "[48, 37]" in said
    assert "[41, 48]" in said or "[48, 41]" in said
    assert "ignore_mismatched_sizes" not in said


def test_an_index_cannot_name_files_outside_of_the_folder(copy: Path):
    (copy / "model.safetensors").rename(copy.parent / "elsewhere.safetensors")
    index = {"weight_map": {"a": "../elsewhere.safetensors"}}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(BrokenWeights, match="outside"):
        load(str(copy))


def backtracking(folder: Path) -> Path:
    """The folder with a tokenizer whose regular expression takes exponential time, which the library ends by a panic."""
    tokenizer = tiny_models.byte_level_tokenizer()
    backend = tokenizer.backend_tokenizer
    split = pre_tokenizers.Split(Regex(r"(a+a+)+b"), "isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])  # pyright: ignore
    PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|end|>").save_pretrained(folder)
    return folder


def test_a_tokenizer_that_panics_gives_a_sentence(copy: Path):
    model = load(str(backtracking(copy)))
    capture(model, "the cat")
    with pytest.raises(BadText) as caught:
        capture(model, "a" * 60)
    assert_sentence(caught.value)
    assert "tokenizer" in str(caught.value)


def test_a_token_beyond_the_embedding_is_named(copy: Path):
    tokenizer = tiny_models.byte_level_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|user|>"]})  # pyright: ignore
    tokenizer.save_pretrained(copy)
    model = load(str(copy))
    added = tokenizer.get_vocab()["<|user|>"]
    rows = model.geometry.vocab
    if added < rows:  # the tiny tokenizer may have fewer tokens than the model has rows
        model = load(str(_cut(copy, added)))
        rows = added
    assert "<|user|>" in model.note
    capture(model, "one two")
    with pytest.raises(BadText) as caught:
        capture(model, "<|user|>one two")
    assert_sentence(caught.value)
    assert "<|user|>" in str(caught.value)
    assert f"0 to {rows - 1:,}" in str(caught.value)


def _cut(folder: Path, rows: int) -> Path:
    """The same model with fewer rows in its embedding and its head."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        if name in tensors:
            tensors[name] = tensors[name][:rows].contiguous()
    save_file(tensors, path, {"format": "pt"})
    return say(folder, vocab_size=rows)
