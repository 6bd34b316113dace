"""Leave-one-out importance: the measure is one whole run a head, through `ablate`, which is tested against transformers."""

from typing import Any, cast

import pytest
import torch
from transformers import PreTrainedModel

import models
from models import BadSelection, BadText
from models.pruning import head_batch
from models.pruning.importance_by_sweep import METRICS, Metric
from models.pruning.resumed import ResumedRuns
from models.run.model import demand_tokenizer
from tests.models.engine_models import SOURCE, TEXT, assert_near, engine, stock
from tests.sentences import assert_sentence

pytestmark = pytest.mark.slow

OTHER = "the dog sat on the mat"
MASKED = "the [MASK] sat on the mat"


def one_by_one(name: str, text: str, stack: str | None = None, **settings) -> torch.Tensor:
    """[layer, head]: mean loss risen, a whole run for each head."""
    model = engine(name)
    given = models.baseline(model, text)
    stack = stack or given.run.stack
    rows = []
    for layer in range(given.run.layers(stack)):
        off = [
            models.ablate(model, given, [(layer, head)], stack=stack, **settings)
            for head in range(given.run.heads(layer, stack))
        ]
        rows.append(torch.tensor([one.loss_after - one.loss_before for one in off]))
    return torch.stack(rows)


@pytest.mark.parametrize("name", ["gpt2", "llama gqa", "deepseek_v3", "gemma2"])
def test_every_head_of_a_decoder_is_missed_as_much_as_in_a_run_of_its_own(name: str):
    found = models.sweep(engine(name), [OTHER, TEXT])
    assert found.values.shape[0] == 2
    for row, text in zip(found.values, (OTHER, TEXT), strict=True):
        assert_near(row, one_by_one(name, text), 1e-3)
    assert torch.equal(found.mean, found.values.mean(0))


@pytest.mark.parametrize("stack", ["encoder", "decoder", "cross"])
@pytest.mark.parametrize("name", ["bart", "t5"])
def test_each_attention_of_a_pair(name: str, stack: str):
    found = models.sweep(engine(name), SOURCE, stack=stack)
    assert found.stack == stack
    assert_near(found.mean, one_by_one(name, SOURCE, stack), 1e-3)


@pytest.mark.parametrize("name", ["bert", "albert"])
def test_an_encoder_by_how_far_its_predictions_move(name: str):
    model = engine(name)
    found = models.sweep(model, MASKED, metric="kl").mean
    given = models.baseline(model, MASKED)
    wanted = [
        [models.ablate(model, given, [(layer, head)]).kl.mean() for head in range(found.shape[1])]
        for layer in range(found.shape[0])
    ]
    assert_near(found, torch.tensor(wanted), 1e-3)


def test_the_next_token_alone():
    model = engine("gpt2")
    kl = models.sweep(model, TEXT, metric="kl").mean
    difference = models.sweep(model, TEXT, metric="logit_diff", answers=(5, 9)).mean
    before = models.capture(model, TEXT).predictions[0].log()
    for layer, head in [(0, 1), (2, 5)]:
        after = models.capture(model, TEXT, heads_off=[(layer, head)]).predictions[0].log()
        assert kl[layer, head].item() == pytest.approx(
            (before.exp() * (before - after)).sum().item(), rel=1e-3
        )
        moved = (before[5] - before[9]) - (after[5] - after[9])
        assert difference[layer, head].item() == pytest.approx(moved.item(), rel=1e-4)


def test_replaced_by_means_and_by_another_text():
    model = engine("llama gqa")
    for method in ("mean", "resample"):
        found = models.sweep(model, TEXT, method=method, reference=OTHER)
        assert_near(found.mean, one_by_one("llama gqa", TEXT, method=method, reference=OTHER), 1e-3)


def test_few_heads_at_once_make_no_difference(monkeypatch: pytest.MonkeyPatch):
    whole = models.sweep(engine("gpt2"), TEXT).values
    monkeypatch.setattr(head_batch, "CPU_TOKENS", 40)  # two heads at once of this text
    assert_near(models.sweep(engine("gpt2"), TEXT).values, whole, 1e-4)


def test_the_batch_follows_the_memory_that_is_free(monkeypatch: pytest.MonkeyPatch):
    model = engine("gpt2")
    shape = model.geometry
    # 100 positions: 16 widths of the model and 3 of all heads each, and 9,000 outputs at every position, in float32.
    a_row = 4 * 100 * (16 * shape.d_model + 3 * shape.heads * shape.d_head + 9_000)
    for free, rows in ((4 * 7.1 * a_row, 7), (4 * 6.9 * a_row, 6), (0, 1), (2**50, 20), (None, 20)):
        monkeypatch.setattr(head_batch, "free_bytes", lambda _, free=free: free)
        assert head_batch.heads_at_once(model, 100, 100, 9_000) == rows


def test_heads_that_are_off_throughout():
    model, off = engine("gpt2"), [(0, 1), (2, 3)]
    given = models.baseline(model, TEXT)
    found = models.sweep(model, TEXT, heads_off=off).mean
    assert [tuple(place) for place in found.isnan().nonzero().tolist()] == off
    for head in [(0, 0), (1, 2), (2, 0)]:
        alone = models.ablate(model, given, [*off, head])
        moved = (
            alone.loss_after - alone.loss_before
        )  # of losses so large that a rounding is a millionth of them
        assert found[head].item() == pytest.approx(moved, abs=1e-5 * alone.loss_before)


def test_a_model_without_a_language_head_by_how_far_its_output_moves():
    whole = engine("bert")
    model = models.wrap(cast(PreTrainedModel, whole.module.base_model), whole.tokenizer, "Headless")
    found = models.sweep(model, MASKED, metric="distance").mean
    given = demand_tokenizer(whole)(MASKED, return_tensors="pt")
    before = stock("bert").base_model(**given).last_hidden_state[0]
    width = whole.geometry.d_head

    def zero(_: Any, args: tuple) -> tuple:
        joined = args[0].clone()
        joined[..., 2 * width : 3 * width] = 0
        return (joined,)

    part = stock("bert").get_submodule("bert.encoder.layer.1.attention.output.dense")
    hook = part.register_forward_pre_hook(zero)
    after = stock("bert").base_model(**given).last_hidden_state[0]
    hook.remove()
    wanted = ((after - before).norm(dim=-1) / before.norm(dim=-1)).mean()
    assert found[1, 2].item() == pytest.approx(wanted.item(), rel=1e-3)
    metrics: tuple[Metric, ...] = ("loss", "kl")
    for metric in metrics:
        with pytest.raises(BadSelection) as caught:
            models.sweep(model, MASKED, metric=metric)
        assert_sentence(caught.value)


@pytest.mark.parametrize(
    ("name", "opens", "plain_head"),
    [("gpt2", True, True), ("llama gqa", True, True), ("gemma2", True, False), ("bert", True, True)],
)
def test_what_the_heads_of_a_layer_share_is_run_once(name: str, opens: bool, plain_head: bool):
    model = engine(name)
    encoded, stack = models.baseline(model, TEXT).encoded, model.plan.stacks[0]
    runs = ResumedRuns(model, encoded, stack, {}, without_head=True)
    assert (runs.opens, runs.head is not None) == (opens, plain_head)
    late = ResumedRuns(model, encoded, stack, {}, last_only=True).late
    assert late


def test_layers_below_are_not_run_again():
    model = engine("gpt2")
    runs = ResumedRuns(model, models.baseline(model, TEXT).encoded, "decoder", {})
    ran: list[int] = []
    for place, block in enumerate(runs.module.transformer.h):
        block.attn.register_forward_hook(lambda *_, place=place: ran.append(place))
    logits = runs.run(2, {}, 3)
    assert ran == [2]
    assert_near(logits[1], runs.output)


def test_a_cancelled_sweep_leaves_the_model_as_it_was():
    model = engine("gpt2")
    before = models.capture(model, TEXT).predictions

    def stop(_: str, fraction: float) -> None:
        if fraction > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        models.sweep(model, TEXT, progress=stop)
    assert torch.equal(models.capture(model, TEXT).predictions, before)


def test_what_cannot_be_measured_is_said_in_a_sentence():
    for name, settings in [
        ("gpt2", {"metric": "accuracy"}),
        ("gpt2", {"metric": "logit_diff"}),
        ("bert", {"metric": "loss"}),
        ("falcon", {}),
    ]:
        with pytest.raises(BadSelection) as caught:
            models.sweep(engine(name), MASKED, **settings)
        assert_sentence(caught.value)
    assert METRICS == ("loss", "kl", "logit_diff", "distance")
    with pytest.raises(BadText):
        models.sweep(engine("gpt2"), [])
