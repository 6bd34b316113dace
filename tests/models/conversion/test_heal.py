"""Healing on tiny models: what is trained, what is not, going on after a break, and the command."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from transformers import PreTrainedModel

import models
from models.conversion import __main__ as command
from models.conversion.convert import convert_to_mla
from models.conversion.healing import heal as healing_module
from models.conversion.healing.heal import Healing, heal
from models.errors import BadSelection, BadText, HeadlightError
from models.loading.saved_folder import save
from models.training.run import Diverged, Place
from tests import tiny_models
from tests.models.conversion.test_convert import module, source, spectra
from tests.sentences import assert_sentence

pytestmark = pytest.mark.slow

PLAN = Healing(tokens=6 * 1024, tokens_per_step=1024, rate=2e-3, warmup_steps=2)
WORDS = ("the", "cat", "sat", "on", "a", "mat", "and", "John", "gave", "drinks", "to", "Mary;")


def text(words: int) -> str:
    drawn = np.random.default_rng(3).choice(WORDS, words)
    return "\n".join(" ".join(drawn[start : start + 12]) for start in range(0, words, 12))


def tokens(count: int = 2100) -> np.ndarray:
    ids = tiny_models.byte_level_tokenizer()(text(count), verbose=False)["input_ids"]
    return np.array(ids[:count], dtype=np.int64)


def student() -> PreTrainedModel:
    return copy.deepcopy(convert_to_mla(source(), 24, spectra()).module)


def place(folder: Path) -> Place:
    return Place(folder, device="cpu", save_every=2, quiet=True)


@torch.no_grad()
def distance(one: nn.Module, other: nn.Module) -> float:
    """KL(other || one) on the text, nats per token."""
    ids = torch.from_numpy(tokens()[:512])[None]
    said, wanted = (part(ids, use_cache=False).logits[0].log_softmax(-1) for part in (one, other))
    return float((wanted.exp() * (wanted - said)).sum(-1).mean())


def test_it_comes_nearer_to_its_teacher_by_its_factors_alone(tmp_path: Path):
    made, teacher = student(), module("llama")
    before, far = copy.deepcopy(made.state_dict()), distance(made, teacher)
    done = heal(made, teacher, tokens(), PLAN, place(tmp_path))
    assert done is not None
    assert (done.tokens_seen, done.finished) == (6 * 1024, True)
    assert distance(made, teacher) < 0.9 * far
    changed = {name for name, tensor in made.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == {name for name in before if "kv_down_proj" in name or "kv_up_proj" in name}
    fresh = module("llama").state_dict()
    assert all(torch.equal(tensor, fresh[name]) for name, tensor in teacher.state_dict().items())
    assert not made.training


def test_norms_learn_where_that_is_asked_for(tmp_path: Path):
    made = student()
    before = copy.deepcopy(made.state_dict())
    heal(made, module("llama"), tokens(), Healing(1024, tokens_per_step=1024, norms=True), place(tmp_path))
    changed = {name for name, tensor in made.state_dict().items() if not torch.equal(tensor, before[name])}
    assert {name for name in before if "norm" in name} <= changed
    assert not any("mlp" in name or "embed" in name or "q_proj" in name for name in changed)


def test_broken_off_it_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    teacher, whole = module("llama"), student()
    heal(whole, teacher, tokens(), PLAN, place(tmp_path / "whole"))
    calls, real = 0, healing_module._Distilling.compute_loss

    def broken(self: Any, *given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        return real(self, *given, **named)

    monkeypatch.setattr(healing_module._Distilling, "compute_loss", broken)
    with pytest.raises(KeyboardInterrupt):
        heal(student(), teacher, tokens(), PLAN, place(tmp_path / "parts"))
    monkeypatch.setattr(healing_module._Distilling, "compute_loss", real)
    (tmp_path / "parts" / "checkpoint-3").mkdir()  # as if killed while writing
    made = student()
    heal(made, teacher, tokens(), PLAN, place(tmp_path / "parts"))
    assert all(torch.equal(made.state_dict()[name], tensor) for name, tensor in whole.state_dict().items())
    with pytest.raises(BadSelection, match="another plan") as refused:
        heal(student(), teacher, tokens(), Healing(999), place(tmp_path / "parts"))
    assert_sentence(refused.value)


def test_what_does_not_fit(tmp_path: Path):
    pairs: tuple[tuple[PreTrainedModel, PreTrainedModel, np.ndarray, type[HeadlightError]], ...] = (
        (module("llama"), module("llama"), tokens(), BadSelection),
        (student(), module("llama", vocab_size=77), tokens(), BadSelection),
        (student(), module("llama"), tokens(1000), BadText),
    )
    for made, teacher, row, error in pairs:
        with pytest.raises(error) as refused:
            heal(made, teacher, row, PLAN, place(tmp_path / "none"))
        assert_sentence(refused.value)
    broken = module("llama")
    broken.get_parameter("lm_head.weight").fill_(torch.nan)
    with pytest.raises(Diverged) as refused:
        heal(student(), broken, tokens(), PLAN, place(tmp_path / "nan"))
    assert_sentence(refused.value)
    assert not list((tmp_path / "nan").glob("checkpoint-*"))


def test_the_command_converts_heals_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    teacher = tiny_models.save(module("llama"), tiny_models.byte_level_tokenizer(), tmp_path / "teacher")
    corpus = tmp_path / "corpus.txt"
    corpus.write_text(text(9000))
    device = ["--device", "cpu"]
    made = ["convert", "--model", str(teacher), "--share", "0.6", "--by-spectrum", "--corpus", str(corpus)]
    assert command.main([*made, "--out", str(tmp_path / "made"), *device]) == 0
    assert "60% of its cache" in capsys.readouterr().out
    asked = ["heal", "--model", str(tmp_path / "made"), "--teacher", str(teacher), "--corpus", str(corpus)]
    rest = ["--out", str(tmp_path / "out"), "--tokens", "4096", "--rate", "2e-3", "--quiet", *device]
    assert command.main([*asked, *rest]) == 0
    said = capsys.readouterr().out
    assert "before healing" in said
    healed = models.load(str(tmp_path / "out" / "model"), device="cpu")
    assert "Healed on 4,096 tokens" in healed.note
    measured = healed.module.config.provenance["perplexity"]
    assert f"{measured['before']:.2f} before, {measured['after']:.2f} after" in said
    assert healed.geometry.kind == "mla"
    assert not list((tmp_path / "out").glob("checkpoint-*")), (
        "they are larger than the model, and nobody needs them now"
    )
    weights = (tmp_path / "out" / "model" / "model.safetensors").read_bytes()
    assert command.main([*asked, *rest]) == 0
    assert f"Healed already: perplexity {measured['after']:.2f}" in capsys.readouterr().out
    assert (tmp_path / "out" / "model" / "model.safetensors").read_bytes() == weights
    assert command.main([*asked, *rest, "--seed", "5"]) == 1
    assert "another plan" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--teacher", "nobody", "--corpus", "corpus.txt"], "nobody"),
        (["--teacher", "teacher", "--corpus", "none.txt"], "none.txt"),
        (["--teacher", "teacher", "--corpus", "short.txt"], "longer corpus"),
    ],
)
def test_the_command_refuses_in_a_sentence(
    more: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    tiny_models.save(module("llama"), tiny_models.byte_level_tokenizer(), Path("teacher"))
    save(convert_to_mla(source(), 24, spectra()), "made")
    Path("corpus.txt").write_text(text(9000))
    Path("short.txt").write_text(text(60))
    capsys.readouterr()
    assert command.main(["heal", "--model", "made", *more, "--out", "out", "--device", "cpu"]) == 1
    said = capsys.readouterr()
    assert says in said.err
    assert_sentence(said.err.strip())
