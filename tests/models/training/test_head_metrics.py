"""HeadMetrics in a real Trainer: that it records what is there, reports it, resumes, and changes nothing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel, T5Config, T5ForConditionalGeneration, TrainerCallback

import models
from models.look.formation import Formation
from models.training import HeadMetrics
from tests.models.training import wandb_file
from tests.models.training.short_run import BATCH, PROBE, SEQUENCE, STEPS, llama, trainer

pytestmark = pytest.mark.slow

EVERY_FOURTH = (0, 4, 8, 12)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> tuple[HeadMetrics, Path, nn.Module]:
    """An uninterrupted run with a record at every checkpoint, and the folder of its checkpoints."""
    folder = tmp_path_factory.mktemp("watched")
    metrics = HeadMetrics(
        PROBE, steps=EVERY_FOURTH, output=folder / "heads.npz", tokens_per_step=BATCH * SEQUENCE
    )
    run = trainer(folder, metrics, eval_strategy="steps", eval_steps=8)
    run.train()
    return metrics, folder, run.model  # pyright: ignore


def same(one: Formation, other: Formation) -> bool:
    return (
        (one.steps, one.tokens_seen, one.token_strings)
        == (other.steps, other.tokens_seen, other.token_strings)
        and np.array_equal(one.tiles, other.tiles)
        and np.array_equal(one.validation_loss, other.validation_loss, equal_nan=True)
        and all(np.array_equal(one.scores[name], other.scores[name], equal_nan=True) for name in one.scores)
    )


def test_scores_are_those_of_the_checkpoint_loaded_by_itself(watched: tuple[HeadMetrics, Path, nn.Module]):
    formation, folder = watched[0].formation, watched[1]
    assert formation.steps == EVERY_FOURTH
    for record, step in list(enumerate(formation.steps))[1:]:
        run = models.capture(models.load(str(folder / f"checkpoint-{step}"), "cpu"), PROBE)
        assert formation.token_strings == run.tokens
        for name, values in run.scores().values.items():
            np.testing.assert_allclose(formation.scores[name][record], values.numpy(), rtol=1e-4, atol=1e-6)
            np.testing.assert_allclose(formation.chance[name], run.scores().chance[name].numpy(), rtol=1e-5)
        roots = np.sqrt(formation.weights(record)) - run.tiles(32).sqrt().numpy()
        assert np.abs(roots).max() < 0.51 / 255 + 1e-4
    # They must have moved, or any checkpoint would have agreed with any record.
    moved = np.abs(formation.scores["induction"][3] - formation.scores["induction"][1]).max()
    assert moved > 1e-2 * formation.scores["induction"].max()
    assert formation.tokens_seen == tuple(step * BATCH * SEQUENCE for step in EVERY_FOURTH)


def test_training_is_not_changed_by_a_bit(watched: tuple[HeadMetrics, Path, nn.Module], tmp_path: Path):
    plain = trainer(tmp_path, eval_strategy="steps", eval_steps=8)
    plain.train()
    theirs = plain.model.state_dict()  # pyright: ignore
    ours = watched[2].state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_the_trainers_own_logs_stay_as_they_were(tmp_path: Path):
    def history(folder: Path, *callbacks: TrainerCallback) -> list[dict]:
        run = trainer(folder, *callbacks, logging_steps=4)
        run.train()
        rows = [row for row in run.state.log_history if "loss" in row]
        return [{name: row[name] for name in ("step", "loss", "grad_norm", "learning_rate")} for row in rows]

    plain = history(tmp_path / "plain")
    assert [row["step"] for row in plain] == [4, 8, 12]
    assert history(tmp_path / "watched", HeadMetrics(PROBE, steps=EVERY_FOURTH)) == plain


def test_the_model_is_left_as_it_was(tmp_path: Path):
    model = llama(_attn_implementation="eager")
    model.model.layers[1].eval()
    seen = []

    class Look(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            modes = tuple(part.training for part in model.modules())
            gradients = all(part.grad is None for part in model.parameters())
            settings = (model.config._attn_implementation, model.config.use_cache)
            seen.append((modes, settings, gradients, torch.random.get_rng_state()))

    before, after = Look(), Look()
    trainer(tmp_path, before, HeadMetrics(PROBE, steps=(2,)), after, model=model, max_steps=2).train()
    assert len(seen) == 4
    for (*one, state), (*other, later) in zip(seen[::2], seen[1::2], strict=True):
        assert one == other
        assert torch.equal(state, later)
    assert model.config._attn_implementation == "eager"


def test_autocast_stays_around_training_and_out_of_the_record(tmp_path: Path):
    types = []

    class Look(TrainerCallback):
        def on_train_begin(self, args, state, control, model=None, **kwargs):
            projection = model.model.layers[0].self_attn.o_proj  # pyright: ignore
            projection.register_forward_hook(
                lambda _, given, output: types.append((torch.is_grad_enabled(), output.dtype))
            )

    metrics = HeadMetrics(PROBE, steps=EVERY_FOURTH)
    trainer(tmp_path, Look(), metrics, bf16=True).train()
    assert {dtype for training, dtype in types if training} == {torch.bfloat16}
    assert {dtype for training, dtype in types if not training} == {torch.float32}
    run = models.capture(models.load(str(tmp_path / "checkpoint-8"), "cpu"), PROBE)
    np.testing.assert_allclose(
        metrics.formation.scores["entropy"][2], run.scores().values["entropy"].numpy(), rtol=1e-4
    )


def test_interrupted_and_resumed_is_as_if_it_had_never_stopped(
    watched: tuple[HeadMetrics, Path, nn.Module], tmp_path: Path
):
    class Stop(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            control.should_training_stop = control.should_training_stop or state.global_step == 10

    evaluating = {"eval_strategy": "steps", "eval_steps": 8}
    broken = HeadMetrics(PROBE, steps=(*EVERY_FOURTH, 9), tokens_per_step=BATCH * SEQUENCE)
    trainer(tmp_path, broken, Stop(), **evaluating).train()
    assert broken.formation.steps == (0, 4, 8, 9)
    resumed = HeadMetrics(PROBE, steps=EVERY_FOURTH, tokens_per_step=BATCH * SEQUENCE)
    elsewhere = trainer(tmp_path / "elsewhere", resumed, **evaluating)
    elsewhere.train(resume_from_checkpoint=str(tmp_path / "checkpoint-8"))
    assert same(resumed.formation, watched[0].formation)


def test_resuming_with_another_probe_is_refused(watched: tuple[HeadMetrics, Path, nn.Module], tmp_path: Path):
    run = trainer(tmp_path, HeadMetrics("quite another text"))
    with pytest.raises(models.BadSelection, match="another probe text"):
        run.train(resume_from_checkpoint=str(watched[1] / "checkpoint-8"))


def test_resuming_a_run_that_was_not_watched_says_so(tmp_path: Path):
    trainer(tmp_path).train()
    metrics = HeadMetrics(PROBE, steps=EVERY_FOURTH)
    with pytest.warns(UserWarning, match="begins at step 4"):
        trainer(tmp_path, metrics).train(resume_from_checkpoint=str(tmp_path / "checkpoint-4"))
    assert metrics.formation.steps == (8, 12)


def test_validation_loss_is_the_trainers_own_or_the_callables(
    watched: tuple[HeadMetrics, Path, nn.Module], tmp_path: Path
):
    formation, folder = watched[0].formation, watched[1]
    again = trainer(tmp_path, model=llama().from_pretrained(folder / "checkpoint-8"))
    assert formation.validation_loss[2] == pytest.approx(again.evaluate()["eval_loss"], rel=1e-5)
    assert np.isnan(formation.validation_loss[[0, 1]]).all()
    asked = []

    def validate(model: nn.Module) -> float:
        asked.append((model.training, torch.is_grad_enabled(), torch.rand(1).item()))
        return 1.5 + len(asked)

    metrics = HeadMetrics(PROBE, records=3, validate=validate)
    run = trainer(tmp_path / "asked", metrics, eval_strategy="steps", eval_steps=8)
    run.train()
    ours, theirs = run.model.state_dict(), watched[2].state_dict()  # pyright: ignore
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)  # the random number was not missed
    assert metrics.formation.validation_loss.tolist() == [2.5, 3.5, 4.5]
    assert {(training, gradients) for training, gradients, _ in asked} == {(False, False)}


def test_the_output_file_is_what_was_recorded(watched: tuple[HeadMetrics, Path, nn.Module]):
    metrics, folder, _ = watched
    assert same(Formation.load(folder / "heads.npz"), metrics.formation)
    assert same(Formation.load(folder / "checkpoint-8" / "formation.npz"), metrics.formation.upto(8))


def reported(formation: Formation) -> dict[tuple[str, int], float]:
    """What must arrive, by name and step, said from the record."""
    found = {}
    for name in ("induction", "previous_token", "first_token"):
        for record, step in enumerate(formation.steps):
            values = formation.scores[name][record]
            found[f"train/heads/{name}_max", step] = values.max()
            found |= {
                (f"train/heads/{name}/L{layer}H{head}", step): values[layer, head]
                for layer in range(2)
                for head in range(6)
            }
    return found


def test_tensorboard_holds_the_values(tmp_path: Path):
    metrics = HeadMetrics(PROBE, records=5)
    trainer(tmp_path, metrics, report_to=["tensorboard"]).train()
    files = list(tmp_path.rglob("events.out.tfevents.*"))
    assert len(files) == 1
    events = EventAccumulator(str(files[0])).Reload()
    found = {
        (tag, event.step): event.value
        for tag in events.Tags()["scalars"]
        if "/heads/" in tag
        for event in events.Scalars(tag)
    }
    assert found == pytest.approx(reported(metrics.formation), rel=1e-6)
    assert [event.step for event in events.Scalars("train/loss")] == [5, 10]


def test_wandb_holds_the_values_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    wandb = pytest.importorskip("wandb")
    for name, value in {
        "MODE": "offline",
        "DIR": str(tmp_path),
        "SILENT": "true",
        "PROJECT": "heads",
    }.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "cache"))
    metrics = HeadMetrics(PROBE, records=5)
    try:
        trainer(tmp_path / "run", metrics, report_to=["wandb"]).train()
    finally:
        wandb.finish()
    (file,) = tmp_path.rglob("*.wandb")
    found = {
        (name, row["train/global_step"]): value
        for row in wandb_file.history(file)
        for name, value in row.items()
        if "/heads/" in name
    }
    assert found == pytest.approx(reported(metrics.formation), rel=1e-6)


def test_many_heads_are_not_reported_one_by_one(tmp_path: Path):
    seen = []

    class Look(TrainerCallback):
        def on_log(self, args, state, control, logs=None, **kwargs):
            seen.append(set(logs or {}))

    model = llama(num_attention_heads=8, num_hidden_layers=9, num_key_value_heads=2)
    trainer(tmp_path, Look(), HeadMetrics(PROBE, steps=(1,)), model=model, max_steps=1).train()
    assert any("heads/induction_max" in names for names in seen)
    assert not any(name.startswith("heads/induction/") for names in seen for name in names)


def test_a_compiled_model_is_seen_through(tmp_path: Path):
    model = llama()
    calls = []
    backend = lambda graph, inputs: calls.append(0) or graph.forward  # noqa: E731
    compiled = torch.compile(model, backend=backend)
    metrics = HeadMetrics(PROBE, steps=(1,))
    trainer(tmp_path, metrics, model=compiled, max_steps=1, remove_unused_columns=False).train()
    run = models.capture(models.wrap(model, trainer(tmp_path).processing_class), PROBE)  # pyright: ignore
    np.testing.assert_allclose(
        metrics.formation.scores["entropy"][0], run.scores().values["entropy"].numpy(), rtol=1e-4
    )
    assert calls


class Alone(nn.Module):
    """No model of transformers."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(311, 311)

    def forward(self, input_ids: torch.Tensor, labels: torch.Tensor) -> dict:
        return {"loss": nn.functional.cross_entropy(self.table(input_ids).flatten(0, 1), labels.flatten())}


T5 = T5Config(num_layers=1, num_heads=2, d_kv=4, d_model=8, d_ff=8, vocab_size=311)
T5.decoder_start_token_id = 0


@pytest.mark.parametrize(
    ("model", "probe", "sentence"),
    [
        (Alone(), PROBE, "watches models of transformers, but Alone is none"),
        (T5ForConditionalGeneration(T5), PROBE, "is an encoder-decoder"),
        (llama(), "  ", "The text is empty"),
        (llama(), [3], "has 1 tokens"),
        (llama(), [3, 311], "token 311, but the model's vocabulary has 311"),
        (llama(), list(range(130)), "130 tokens, but the model reads at most 129"),
    ],
)
def test_what_cannot_be_watched_is_told_before_the_first_step(tmp_path: Path, model, probe, sentence: str):
    run = trainer(tmp_path, HeadMetrics(probe), model=model)
    with pytest.raises(models.HeadlightError, match=sentence):
        run.train()
    assert run.state.global_step == 0


def test_token_ids_need_no_tokenizer_and_another_class_is_watched_too(tmp_path: Path):
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(n_layer=2, n_head=3, n_embd=12, vocab_size=311, n_positions=64))
    metrics = HeadMetrics([7, 5, 3, 7, 5, 3], records=4)
    run = trainer(tmp_path, metrics, model=model)
    run.processing_class = run.callback_handler.processing_class = None  # pyright: ignore
    run.train()
    assert metrics.formation.token_strings == ("7", "5", "3", "7", "5", "3")
    assert metrics.formation.steps[0] == 0
    assert metrics.formation.steps[-1] == STEPS
    assert np.isfinite(metrics.formation.scores["induction"]).all()


def test_the_app_does_not_need_the_training_packages():
    import subprocess
    import sys

    code = "import sys, models, models.look.formation; assert 'models.training' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
