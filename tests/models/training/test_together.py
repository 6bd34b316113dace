"""Several models trained at once: each as if alone, in the time there is, and taken up again where it was broken off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import models
from models.errors import BadSelection
from models.loading.card import Card
from models.look.formation import Formation
from models.shape.attention_geometry import Kind
from models.shape.family import CONTEXT, KINDS
from models.training import run
from models.training.recipe import Recipe, Stage
from models.training.run import Place
from models.training.together.__main__ import main
from models.training.together.group import Group, Workplace
from models.training.together.timed import Fall, Timed
from models.training.together.trainee import CAUSAL, Trainee
from models.training.vocabulary import Tokens
from tests.models.training.stories import story

RECIPE = Recipe(
    tokens=10 * CONTEXT,
    tokens_per_step=CONTEXT,
    warmup_steps=3,
    stages=(Stage(5, 128, 0.5, random=0.5), Stage(float("inf"), 256, 0.05)),
)
CPU = torch.device("cpu")
pytestmark = pytest.mark.slow


def ticking(seconds: float) -> Callable[[], float]:
    """A clock on which every look takes so long."""
    looks = iter(range(10**6))
    return lambda: seconds * next(looks)


def group(
    tokens: Tokens,
    folder: Path,
    recipe: Recipe = RECIPE,
    tick: float = 0.0,
    seconds: float = 100.0,
    kinds: tuple[Kind, ...] = ("gqa", "mla"),
    seeds: tuple[int, ...] = (0,),
) -> Group:
    return Group(kinds, seeds, tokens, recipe, Workplace(folder, CPU, seconds), ticking(tick))


def quiet(step: int, loss: float, seconds: float) -> None:
    """Hears of a step."""


def weights(made: Group) -> Iterator[torch.Tensor]:
    for _, trainee, _, _ in made.done():
        yield from trainee.model.state_dict().values()


@pytest.mark.parametrize("kind", KINDS)
def test_its_attention_is_transformers_own(kind: Kind, tokens: Tokens):
    ours = Trainee(kind, tokens, RECIPE, CPU, graphs=True).model
    assert ours.config._attn_implementation == CAUSAL
    ids = torch.randint(1, len(tokens.tokenizer), (2, 40), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        said = ours(input_ids=ids).logits
        ours.set_attn_implementation("eager")
        expected = ours(input_ids=ids).logits
    assert (said - expected).abs().max() < 1e-4 * expected.abs().max()


@pytest.mark.usefixtures("small")
def test_each_is_trained_as_it_would_be_alone(tokens: Tokens, tmp_path: Path):
    together = group(tokens, tmp_path / "together", seeds=(0, 3))
    together.train(quiet)
    assert together.finished
    for folder, trainee, done, recipe in together.done():
        alone = run.train(trainee.kind, tokens, recipe, Place(tmp_path / folder.name, "cpu", quiet=True))
        assert alone is not None
        assert done.tokens_seen == alone.tokens_seen == RECIPE.tokens
        theirs = alone.model.state_dict()
        for name, value in trainee.model.state_dict().items():
            assert (value - theirs[name]).norm() < 1e-3 * theirs[name].norm(), name


@pytest.mark.usefixtures("small")
def test_broken_off_and_taken_up_again_equals_one_go(tokens: Tokens, tmp_path: Path):
    whole = group(tokens, tmp_path / "whole", kinds=("mla",))
    whole.train(quiet)
    first = group(tokens, tmp_path / "halves", kinds=("mla",))

    def killed(step: int, loss: float, seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.training.together.group.CHECKED", 7)
        with pytest.raises(KeyboardInterrupt):
            first.train(killed)
        first.save()
    rest = group(tokens, tmp_path / "halves", kinds=("mla",))
    assert rest.step == 7
    rest.train(quiet)
    for ours, theirs in zip(weights(rest), weights(whole), strict=True):
        assert torch.equal(ours, theirs)
    first_seed = next(done.formation for _, _, done, _ in rest.done())
    assert first_seed.steps == next(whole.done())[2].formation.steps


@pytest.mark.usefixtures("small")
def test_when_the_time_is_over_the_rate_has_fallen(tokens: Tokens, tmp_path: Path):
    """At a second a look there is time for some of the steps alone; all models get the same."""
    endless = replace(RECIPE, tokens=1000 * CONTEXT)
    made = group(tokens, tmp_path, endless, tick=1.0, seconds=40.0)
    made.train(quiet)
    assert made.finished
    assert made.timed.fall is not None
    assert 5 < made.timed.fall.step < made.step < 40
    seen = {(done.tokens_seen, recipe.tokens) for _, _, done, recipe in made.done()}
    assert seen == {(made.step * CONTEXT, made.step * CONTEXT)}
    assert next(made.done())[3].steady_until == made.timed.fall.step


@pytest.mark.usefixtures("small")
def test_another_training_in_the_folder_is_refused(tokens: Tokens, tmp_path: Path):
    group(tokens, tmp_path).save()
    with pytest.raises(BadSelection, match="another recipe"):
        group(tokens, tmp_path, replace(RECIPE, rate=1.0))


def test_the_rate_falls_by_the_clock_where_time_is_short():
    recipe = Recipe(tokens=1000 * 4096, tokens_per_step=4096, warmup_steps=10, cooldown=0.25)
    timed = Timed(recipe, seconds=80.0)
    assert not timed.begins_to_fall(100, 59.0)
    assert timed.share(4, 59.0) == pytest.approx(0.5)
    assert timed.begins_to_fall(150, 60.0)
    assert timed.fall == Fall(150, 200)
    assert not timed.begins_to_fall(151, 60.0)  # it has begun
    assert timed.share(150, 60.0) == 1.0
    assert timed.share(160, 70.0) == pytest.approx(0.5)  # slower than before: half of the time is over
    assert timed.share(190, 70.0) == pytest.approx(0.2)  # quicker: 10 of 50 steps are left
    assert timed.share(160, 80.5) == 0.0
    assert timed.planned.steps == 200
    followed = timed.followed(165)
    assert (followed.steps, followed.steady_until) == (165, 150)


def test_the_rate_falls_by_the_steps_where_there_is_time():
    recipe = Recipe(tokens=1000 * 4096, tokens_per_step=4096, warmup_steps=10, cooldown=0.25)
    timed = Timed(recipe, seconds=1e6)
    assert not timed.begins_to_fall(749, 1.0)
    assert timed.begins_to_fall(750, 1.0)
    for step in (750, 800, 990, 1000):
        assert timed.share(step, 2.0) == pytest.approx(recipe.rate_at(step), rel=1e-4)
    assert timed.planned == timed.followed(1000)
    assert (timed.planned.steps, timed.planned.steady_until) == (1000, 750)
    assert timed.followed(800).steps == 800


def test_taken_up_while_it_falls_it_goes_on_falling():
    recipe = Recipe(tokens=1000 * 4096, tokens_per_step=4096, warmup_steps=10, cooldown=0.25)
    timed = Timed(recipe, seconds=20.0, spent=500.0, fall=Fall(600, 800))
    assert timed.share(700, 0.0) == pytest.approx(0.5)
    assert timed.share(710, 10.0) == pytest.approx(0.25)


@pytest.mark.usefixtures("small")
def test_the_command_writes_models_that_open(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    corpus = tmp_path / "story.txt"
    corpus.write_text(story(8000), "utf-8")
    given = [
        "--corpus",
        str(corpus),
        "--out",
        str(tmp_path / "runs"),
        "--tokens",
        "2048",
        "--tokens-per-step",
        "1024",
    ]
    given += [
        "--minutes",
        "10",
        "--device",
        "cpu",
        "--workers",
        "0",
        "--attention",
        "gqa",
        "mha",
        "--seeds",
        "1",
        "2",
    ]
    assert main(given) == 0
    folders = sorted((tmp_path / "runs").glob("family-*/model"))
    assert [folder.parent.name for folder in folders] == [
        f"family-{kind}-seed{seed}" for kind in ("gqa", "mha") for seed in (1, 2)
    ]
    for folder in folders:
        card = Card.read(folder)
        assert (card.tokens_seen, card.planned_tokens) == (2048, 2048)
        assert "models.training.together" in card.command
        assert models.load(str(folder), "cpu").geometry.kind == card.kind
    assert Formation.load(folders[0] / "formation.npz").steps == (0, 1, 2)
    assert Formation.load(folders[1] / "formation.npz").steps == (0, 2)
    assert "nats a token" in capsys.readouterr().out
    assert main(given) == 0  # all is there: the models are written again
    assert main([*given, "--tokens-per-step", "2048"]) == 1
    assert "another recipe" in capsys.readouterr().err
    assert main([*given, "--tokens-per-step", "1000"]) == 1
    assert "multiple of 512" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    corpus = tmp_path / "story.txt"
    corpus.write_text(story(8000), "utf-8")
    assert main(["--corpus", str(corpus), "--out", str(tmp_path / "runs"), "--minutes", "1"]) == 1
    assert "sees no GPU" in capsys.readouterr().err
