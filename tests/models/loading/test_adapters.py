"""Adapters beside a base model and by themselves: applied where peft is installed, refused by name where it is not."""

import importlib.util
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.loading import adapters
from models.loading.loader import load
from tests.sentences import refusal

RANK, SCALE = 4, 2.0


def write_adapter(folder: Path, base: str) -> dict[str, torch.Tensor]:
    """A LoRA adapter of the query projections, as peft saves it; what it adds to each weight (W + scale B A)."""
    folder.mkdir(exist_ok=True)
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": RANK,
        "lora_alpha": RANK * SCALE,
        "target_modules": ["q_proj"],
        "bias": "none",
        "lora_dropout": 0.0,
    }
    (folder / "adapter_config.json").write_text(json.dumps(config))
    generator = torch.Generator().manual_seed(0)
    tensors, added = {}, {}
    for layer in range(3):
        down = torch.randn(RANK, 48, generator=generator)
        up = torch.randn(48, RANK, generator=generator)
        name = f"base_model.model.model.layers.{layer}.self_attn.q_proj"
        tensors |= {f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}
        added[f"model.layers.{layer}.self_attn.q_proj.weight"] = SCALE * up @ down
    save_file(tensors, folder / "adapter_model.safetensors", {"format": "pt"})
    return added


@pytest.fixture
def without_peft(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters.importlib.util, "find_spec", lambda name: None)


@pytest.mark.usefixtures("without_peft")
def test_an_adapter_beside_its_base_is_not_left_out_in_silence(tiny_llama: Path, tmp_path: Path):
    folder = shutil.copytree(tiny_llama, tmp_path / "both")
    write_adapter(folder, "org/base")
    said = refusal(folder)
    assert "adapter" in said
    assert "peft" in said


@pytest.mark.usefixtures("without_peft")
def test_an_adapter_by_itself_names_its_base(tmp_path: Path):
    write_adapter(tmp_path / "adapter", "org/base")
    said = refusal(tmp_path / "adapter")
    assert "“org/base”" in said
    assert "peft" in said


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"base_model_name_or_path": 3}'])
def test_an_adapter_that_says_nothing_of_its_base(tmp_path: Path, content: str):
    write_adapter(tmp_path / "adapter", "org/base")
    (tmp_path / "adapter" / "adapter_config.json").write_text(content)
    assert "adapter" in refusal(tmp_path / "adapter")


def test_an_adapter_stored_as_a_pickle_is_refused(tmp_path: Path):
    folder = tmp_path / "adapter"
    write_adapter(folder, "org/base")
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    assert "safetensors" in refusal(folder)


@pytest.mark.skipif(importlib.util.find_spec("peft") is None, reason="peft is not installed")
@pytest.mark.parametrize("beside", [True, False])
def test_an_adapter_is_merged_into_its_base(tiny_llama: Path, tmp_path: Path, beside: bool):
    folder = tmp_path / "adapted"
    if beside:
        shutil.copytree(tiny_llama, folder)
    added = write_adapter(folder, str(tiny_llama))
    model = load(str(folder))
    base = load_file(tiny_llama / "model.safetensors")
    for name, change in added.items():
        ours = model.module.state_dict()[name]
        torch.testing.assert_close(ours, base[name] + change, atol=1e-4, rtol=1e-4)
    assert "adapter" in model.note
