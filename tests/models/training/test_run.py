"""The training command on a small text: the loss falls, it goes on where it stopped, and mistakes are told plainly."""

from __future__ import annotations

import errno
import lzma
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, Trainer

import models
from models.errors import BadSelection, BadText, BrokenWeights
from models.loading.card import Card
from models.look.formation import Formation
from models.shape.attention_geometry import Kind, geometry
from models.shape.family import CONTEXT, KINDS, family_config
from models.training import run
from models.training.__main__ import main
from models.training.recipe import Recipe, Stage
from models.training.run import Diverged, Place, Trained
from models.training.texts import read_dataset, read_text
from models.training.vocabulary import Tokens
from tests.models.training.stories import story

pytestmark = pytest.mark.slow

RECIPE = Recipe(
    tokens=20 * CONTEXT,
    tokens_per_step=CONTEXT,
    warmup_steps=3,
    stages=(Stage(5, 128, 0.5), Stage(float("inf"), 512, 0.05)),
)


def place(folder: Path, **changes: Any) -> Place:
    return replace(Place(folder, device="cpu", save_every=8, quiet=True), **changes)


def train(kind: Kind, tokens: Tokens, recipe: Recipe, where: Place) -> Trained:
    """In this process alone, which is the first of one."""
    done = run.train(kind, tokens, recipe, where)
    assert done is not None
    return done


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("kind", KINDS)
def test_ten_steps_of_each_kind_lower_the_loss(kind: Kind, tokens: Tokens, tmp_path: Path):
    done = train(kind, tokens, replace(RECIPE, tokens=10 * CONTEXT), place(tmp_path))
    assert done.finished
    assert done.tokens_seen == 10 * CONTEXT
    losses = done.formation.validation_loss
    assert losses[-1] < losses[0] - 1  # from about log(vocabulary); the sentences are easy
    assert geometry(done.model.config).kind == kind == done.formation.kind


def test_the_four_differ_in_attention_alone():
    sizes, shapes = [], []
    for kind in KINDS:
        with torch.device("meta"):
            sizes.append(AutoModelForCausalLM.from_config(family_config(kind)).num_parameters())
        shape = geometry(family_config(kind))
        assert shape.kind == kind
        shapes.append(
            (shape.layers, shape.heads, shape.d_model, shape.context, shape.vocab, shape.v_head_dim)
        )
    assert len(set(shapes)) == 1
    assert max(sizes) < 1.01 * min(sizes)


@pytest.mark.usefixtures("small")
def test_broken_off_and_taken_up_again_equals_one_go(
    tokens: Tokens, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    handler = signal.getsignal(signal.SIGINT)
    whole = train("gqa", tokens, RECIPE, place(tmp_path / "whole"))
    steps = iter(range(1000))
    real = Trainer.training_step

    def interrupted(self: Trainer, *arguments: Any, **named: Any) -> Any:
        if next(steps) == 10:
            signal.raise_signal(signal.SIGINT)  # what Ctrl-C does
        return real(self, *arguments, **named)

    monkeypatch.setattr(Trainer, "training_step", interrupted)
    half = train("gqa", tokens, RECIPE, place(tmp_path / "halves"))
    assert not half.finished
    assert half.tokens_seen == 11 * CONTEXT
    rest = train("gqa", tokens, RECIPE, place(tmp_path / "halves"))
    ours, theirs = weights(rest.model), weights(whole.model)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert rest.formation.steps == whole.formation.steps
    np.testing.assert_array_equal(rest.formation.tiles, whole.formation.tiles)
    assert signal.getsignal(signal.SIGINT) == handler


@pytest.mark.usefixtures("small")
def test_a_longer_run_goes_on_from_where_the_shorter_began_to_slow_down(tokens: Tokens, tmp_path: Path):
    train("mqa", tokens, RECIPE, place(tmp_path / "grown"))
    longer = replace(RECIPE, tokens=24 * CONTEXT)
    grown = train("mqa", tokens, longer, place(tmp_path / "grown"))
    fresh = train("mqa", tokens, longer, place(tmp_path / "fresh"))
    ours, theirs = weights(grown.model), weights(fresh.model)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert grown.formation.steps == fresh.formation.steps


@pytest.mark.usefixtures("small")
def test_a_half_written_checkpoint_is_not_taken_up(tokens: Tokens, tmp_path: Path):
    whole = train("mha", tokens, RECIPE, place(tmp_path))
    (tmp_path / "checkpoint-20" / "trainer_state.json").unlink()
    again = train("mha", tokens, RECIPE, place(tmp_path))
    ours, theirs = weights(again.model), weights(whole.model)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.usefixtures("small")
def test_a_folder_with_another_run_is_refused(tokens: Tokens, tmp_path: Path):
    short = replace(RECIPE, tokens=2 * CONTEXT)
    train("mha", tokens, short, place(tmp_path))
    with pytest.raises(BadSelection, match="another kind"):
        train("mqa", tokens, short, place(tmp_path))
    with pytest.raises(BadSelection, match="another recipe"):
        train("mha", tokens, replace(short, seed=1), place(tmp_path))


@pytest.mark.usefixtures("small")
def test_a_loss_that_is_no_number_stops_before_it_is_saved(
    tokens: Tokens, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    steps = iter(range(1000))
    real = Trainer.compute_loss

    def broken(self: Trainer, *arguments: Any, **named: Any) -> Any:
        loss: Any = real(self, *arguments, **named)
        return loss * (float("nan") if next(steps) == 9 else 1.0)

    monkeypatch.setattr(Trainer, "compute_loss", broken)
    with pytest.raises(Diverged, match="step 10 is nan"):
        train("mha", tokens, RECIPE, place(tmp_path))
    kept = load_file(tmp_path / "checkpoint-8" / "model.safetensors")
    assert not (tmp_path / "checkpoint-10").exists()
    assert all(value.isfinite().all() for value in kept.values())


@pytest.mark.usefixtures("small")
def test_a_full_disk_is_told(tokens: Tokens, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Trainer, "_save_optimizer_and_scheduler", full)
    with pytest.raises(BrokenWeights, match=r"Step 8 .*No space left on device.*free some space"):
        train("mha", tokens, RECIPE, place(tmp_path))


def test_the_command_makes_a_model_that_opens(tmp_path: Path):
    """As a person starts it, on a compressed text file, with a card and the record of its heads."""
    corpus = tmp_path / "story.txt.xz"
    corpus.write_bytes(lzma.compress(story(8000).encode()))
    given = [
        "--attention",
        "mla",
        "--corpus",
        str(corpus),
        "--out",
        str(tmp_path / "runs"),
        "--tokens",
        "8192",
    ]
    command = [
        sys.executable,
        "-m",
        "models.training",
        *given,
        "--device",
        "cpu",
        "--threads",
        "1",
        "--quiet",
    ]
    ended = subprocess.run(
        command, capture_output=True, text=True, cwd=Path(__file__).parents[3], timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    folder = tmp_path / "runs" / "family-mla-seed0" / "model"
    model = models.load(str(folder), "cpu")
    assert model.geometry.kind == "mla"
    card = Card.read(folder)
    assert (card.tokens_seen, card.undertrained, card.kind) == (8192, True, "mla")
    assert f"{card.validation_loss:.4f}" in ended.stdout
    assert "--attention mla" in card.command
    assert Formation.load(folder / "formation.npz").steps[-1] == 2


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "There is no corpus file"),
        (b"", "is empty"),
        (b" \n \n", "is empty"),
        ("naïve café".encode("latin-1"), "is not UTF-8"),
        (b"Too short.", "at least|is the least"),
    ],
)
def test_a_corpus_that_cannot_be_used_is_told(
    content: bytes | None, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    corpus = tmp_path / "corpus.txt"
    if content is not None:
        corpus.write_bytes(content)
    out = str(tmp_path / "out")
    assert main(["--attention", "mha", "--corpus", str(corpus), "--out", out, "--device", "cpu"]) == 1
    told = capsys.readouterr().err
    assert len(told.strip().splitlines()) == 1
    assert re.search(sentence, told)


def test_a_damaged_archive_is_told(tmp_path: Path):
    corpus = tmp_path / "corpus.txt.xz"
    corpus.write_bytes(lzma.compress(story(500).encode())[:-20])
    with pytest.raises(BadText, match="cannot be read"):
        read_text(corpus)


def test_a_data_set_is_read_up_to_what_is_needed(tmp_path: Path):
    """A folder in place of a Hub id: the library reads both alike."""
    rows = "".join(f'{{"body": "Row {number}."}}\n' for number in range(50))
    (tmp_path / "train.jsonl").write_text(rows)
    assert read_dataset(str(tmp_path), "body", 20) == ["Row 0.", "Row 1.", "Row 2.", "Row 3."]
    with pytest.raises(BadText, match="no column “text”"):
        read_dataset(str(tmp_path), "text", 20)
    with pytest.raises(BadText, match="cannot be read"):
        read_dataset(str(tmp_path / "missing"), "text", 20)
