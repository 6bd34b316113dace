"""Every way in which a name, a folder or a Hub id can be wrong, and the sentence that says so."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file
from transformers import FalconConfig, FalconForCausalLM, MambaConfig, RwkvConfig, ViTConfig, WhisperConfig

from models.errors import BrokenWeights, HeadlightError, UnknownModel, UnsupportedModel
from models.loading.loader import load
from tests import tiny_models
from tests.hub_server import Hub
from tests.sentences import assert_sentence


def refused(name: object, kind: type[HeadlightError], *parts: str) -> None:
    with pytest.raises(kind) as caught:
        load(str(name))
    assert_sentence(caught.value)
    for part in parts:
        assert part in str(caught.value)


def test_an_unknown_name_lists_the_catalogue():
    refused("smollm3", UnknownModel, "“smollm3”", "smollm2-135m", "minilm")


@pytest.mark.parametrize("name", ["", "   ", "a name with spaces", "😀", "smollm2-135m\x00", "x" * 5000])
def test_names_that_cannot_be_names(name: str):
    refused(name, UnknownModel)


@pytest.mark.parametrize("name", ["/no/such/folder", "./nothing", "~/nothing-there", "a/b/c", "missing.gguf"])
def test_a_missing_folder(name: str):
    refused(name, UnknownModel, "There is no folder")


@pytest.fixture
def copy(tiny_llama: Path, tmp_path: Path) -> Path:
    """A sound folder, to be spoilt."""
    return shutil.copytree(tiny_llama, tmp_path / "copy")


def change_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


def test_the_folder_that_is_spoilt_below_is_sound(copy: Path):
    load(str(copy))


def test_a_folder_without_config(copy: Path):
    (copy / "config.json").unlink()
    refused(copy, UnsupportedModel, "no config.json")


@pytest.mark.parametrize("content", ["{", "[]", "\x00"])
def test_a_config_that_is_no_config(copy: Path, content: str):
    (copy / "config.json").write_text(content)
    refused(copy, BrokenWeights, "config.json")


def test_a_config_without_a_type(copy: Path):
    change_config(copy, model_type=None)
    refused(copy, UnsupportedModel, "names no model_type")


def test_a_type_that_transformers_does_not_know(copy: Path):
    change_config(copy, model_type="zebra")
    refused(copy, UnsupportedModel, "“zebra”")


def test_a_config_that_contradicts_itself(copy: Path):
    change_config(copy, num_attention_heads="many")
    refused(copy, UnsupportedModel, "config.json cannot be read")


def test_weights_of_another_shape_than_the_config_says(copy: Path):
    change_config(copy, hidden_size=36)
    refused(copy, BrokenWeights, "do not fit its config")


def test_a_folder_without_weights(copy: Path):
    (copy / "model.safetensors").unlink()
    refused(copy, UnsupportedModel, "no weights", "model.safetensors")


def test_weights_that_lack_a_tensor(copy: Path):
    tensors = load_file(copy / "model.safetensors")
    del tensors["model.layers.1.self_attn.q_proj.weight"]
    save_file(tensors, copy / "model.safetensors", {"format": "pt"})
    refused(copy, BrokenWeights, "lack 1 tensors", "model.layers.1.self_attn.q_proj.weight")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: b"<html>Not found</html>",
        lambda content: b"\xff" * 8 + content[8:],
    ],
)
def test_corrupt_safetensors(copy: Path, spoil: Callable[[bytes], bytes]):
    path = copy / "model.safetensors"
    path.write_bytes(spoil(path.read_bytes()))
    refused(copy, BrokenWeights, "model.safetensors", "fetch it again")


def test_a_pointer_instead_of_weights(copy: Path):
    (copy / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    refused(copy, BrokenWeights, "git lfs pull")


def test_a_missing_shard(copy: Path):
    (copy / "model.safetensors").rename(copy / "model-00001-of-00002.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    refused(copy, BrokenWeights, "lacks 1 of 2 weight files", "model-00002-of-00002.safetensors")


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_a_pickle_is_never_opened(copy: Path, tmp_path: Path):
    (copy / "model.safetensors").unlink()
    (copy / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(tmp_path / "exploded")))
    refused(copy, UnsupportedModel, "pickle", "save_pretrained")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("known", [True, False])
def test_code_that_comes_with_a_model_is_never_run(copy: Path, tmp_path: Path, known: bool):
    for name in ("configuration_own.py", "modeling_own.py", "tokenization_own.py"):
        (copy / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\nraise SystemExit\n")
    own = {"AutoConfig": "configuration_own.Own", "AutoModelForCausalLM": "modeling_own.Own"}
    change_config(copy, auto_map=own, **({} if known else {"model_type": "own"}))
    if known:
        load(str(copy))  # transformers has a class of its own for it
    else:
        refused(copy, UnsupportedModel, "Python code", "trust_remote_code")
    assert not (tmp_path / "ran").exists()


def test_a_folder_without_tokenizer(copy: Path):
    for path in copy.glob("tokenizer*"):
        path.unlink()
    refused(copy, UnsupportedModel, "tokenizer")


def test_a_damaged_tokenizer(copy: Path):
    (copy / "tokenizer.json").write_text("{")
    refused(copy, UnsupportedModel, "tokenizer")


def test_quantised_weights(copy: Path):
    change_config(copy, quantization_config={"quant_method": "gptq", "bits": 4})
    refused(copy, UnsupportedModel, "gptq")


@pytest.mark.parametrize("config", [MambaConfig(), RwkvConfig()])
def test_models_without_attention(copy: Path, config):
    config.save_pretrained(copy)
    refused(copy, UnsupportedModel, config.model_type, "no attention heads")


@pytest.mark.parametrize(("config", "sense"), [(ViTConfig(), "images"), (WhisperConfig(), "audio")])
def test_models_that_do_not_read_text(copy: Path, config, sense: str):
    config.save_pretrained(copy)
    refused(copy, UnsupportedModel, config.model_type, sense)


def test_a_file_that_is_no_model(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("")
    refused(tmp_path / "notes.txt", UnsupportedModel, "notes.txt is a file")


def test_a_class_that_computes_its_attention_itself_says_so(tmp_path: Path):
    config = FalconConfig(
        num_hidden_layers=2,
        num_attention_heads=3,
        hidden_size=24,
        vocab_size=311,
        new_decoder_architecture=False,
    )
    torch.manual_seed(0)
    folder = tiny_models.save(
        FalconForCausalLM(config), tiny_models.byte_level_tokenizer(), tmp_path / "falcon"
    )
    model = load(str(folder))
    assert_sentence(model.note)
    assert "FalconForCausalLM" in model.note


# Over the Hub


def test_a_hub_model_is_fetched_and_found_again_without_the_hub(
    hub: Hub, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
):
    hub.repositories["org/tiny"] = tiny_llama
    told: list[tuple[str, float]] = []
    model = load("org/tiny", progress=lambda message, fraction: told.append((message, fraction)))
    assert (model.name, model.geometry.layers) == ("org/tiny", 3)
    assert any("Fetching org/tiny" in message and fraction > 0.7 for message, fraction in told)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.asked.clear()
    assert load("org/tiny").geometry.layers == 3
    assert hub.asked == []


def test_a_hub_id_that_does_not_exist(hub: Hub):
    refused("org/nothing", UnknownModel, "“org/nothing”", "spelling")


def test_a_hub_id_that_cannot_be_one(hub: Hub):
    refused("-org/..name", UnknownModel, "spelling")


def test_a_gated_model(hub: Hub, tiny_llama: Path):
    hub.repositories["org/secret"] = tiny_llama
    hub.gated.add("org/secret")
    refused("org/secret", UnsupportedModel, "gated", "HF_TOKEN", f"{hub.url}/org/secret")


def test_the_hub_out_of_reach(offline: None):
    refused("org/tiny", UnknownModel, "not in reach")


def test_a_hub_download_that_breaks_off(hub: Hub, tiny_llama: Path):
    hub.repositories["org/tiny"] = tiny_llama
    hub.broken.add("model.safetensors")
    refused("org/tiny", BrokenWeights, "“org/tiny”", "try again")


@pytest.mark.parametrize(
    ("files", "parts"),
    [
        (("config.json", "pytorch_model.bin"), ("pickles",)),
        (("config.json",), ("no weights",)),
        (("a.Q4.gguf", "a.Q8.gguf"), ("GGUF", "folder of its own")),
        (("adapter_config.json", "adapter_model.safetensors"), ("no config.json",)),
    ],
)
def test_hub_models_with_nothing_safe_to_load(hub: Hub, tmp_path: Path, files: tuple[str, ...], parts):
    folder = tmp_path / "repository"
    folder.mkdir()
    for name in files:
        (folder / name).write_text("{}")
    hub.repositories["org/odd"] = folder
    refused("org/odd", UnsupportedModel, "“org/odd”", *parts)
    assert not any("resolve" in path for path in hub.asked)


def test_of_several_sets_of_weights_one_is_fetched(hub: Hub, tiny_llama: Path, tmp_path: Path):
    folder = shutil.copytree(tiny_llama, tmp_path / "repository")
    for name in ("model.fp16.safetensors", "pytorch_model.bin", "consolidated.safetensors", "README.md"):
        (folder / name).write_text("x")
    hub.repositories["org/many"] = folder
    load("org/many")
    fetched = {path.split("/")[-1] for path in hub.asked if "resolve" in path}
    assert fetched == {path.name for path in tiny_llama.iterdir()}
