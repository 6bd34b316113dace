"""Hard attention: draws as often as their probabilities say, REINFORCE against the exact gradient, and what a baseline does."""

import itertools
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

import models
from models.classic.characters import character_tokenizer
from models.classic.hard import Draw, HardAttention, HardConfig, HardModel
from models.classic.hard_reading import HardReading, read_hard
from models.classic.local_reading import read_local
from models.classic.recurrent import Source
from models.classic.reinforce import HardLoss, credit_of, to_come
from models.classic.training import DateBatch
from models.errors import BadSelection
from models.loading.loader import load
from tests.models.classic.recurrent_models import tiny

SPELLED = "on 9 May 2018"


def test_what_is_still_to_come_of_a_case_worked_by_hand():
    assert to_come(torch.tensor([[1.0, 2.0, 4.0]])).tolist() == [[7.0, 6.0, 4.0]]


def test_places_are_drawn_as_often_as_their_probabilities_say():
    attention = HardAttention(HardConfig(hidden_size=4, attention_size=3)).requires_grad_(False)
    torch.manual_seed(0)
    for weight in attention.parameters():
        nn.init.normal_(weight)
    annotations = torch.randn(1, 5, 4).expand(8_000, 5, 4)
    mask = torch.tensor([[True, True, True, True, False]]).expand(8_000, 5)
    source = Source(annotations, mask, attention.keys(annotations))
    seen: list[Draw] = []
    look = attention(
        torch.randn(1, 4).expand(8_000, 4), source, "drawn", torch.Generator().manual_seed(1), seen
    )
    assert set(look.weights.unique().tolist()) == {0.0, 1.0}
    assert (look.weights.sum(1) == 1).all()
    shares, wanted = look.weights.mean(0), seen[0].probabilities[0]
    assert (shares - wanted).abs().max() < 0.02
    assert wanted[4] == shares[4] == 0
    assert wanted.max() < 0.9, "so peaked that any draw would pass"


ONE = DateBatch(
    torch.tensor([[9, 4, 33]]),
    torch.ones(1, 3, dtype=torch.long),
    torch.tensor([[1, 6]]),
    torch.tensor([[6, 2]]),
)


def every_way(model: HardModel, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Tensor, list[Draw]]]:
    """Nats [batch, target] and draws for every way to look at ONE."""
    steps, places = ONE.labels.shape[1], ONE.input_ids.shape[1]
    for way in itertools.product(range(places), repeat=steps):
        chosen = iter(way)
        with monkeypatch.context() as forced:
            forced.setattr(
                torch, "multinomial", lambda *_, chosen=chosen, **__: torch.tensor([[next(chosen)]])
            )
            yield HardLoss(12, 100, seed=0).draw(model, ONE)


def chance_of(draws: list[Draw]) -> Tensor:
    return torch.stack([(draw.probabilities * draw.weights).sum() for draw in draws]).prod()


def gradient_of(value: Tensor, model: HardModel) -> Tensor:
    assert model.attention is not None
    weights = list(model.attention.parameters())
    parts = torch.autograd.grad(value, weights, allow_unused=True, retain_graph=True)
    filled = [
        torch.zeros_like(weight) if part is None else part
        for part, weight in zip(parts, weights, strict=True)
    ]
    return torch.cat([part.flatten() for part in filled])


@pytest.mark.parametrize("with_baseline", [False, True])
def test_reinforce_is_right_on_average(with_baseline: bool, monkeypatch: pytest.MonkeyPatch):
    """Over all ways to look: the sum of chance times its estimate is the gradient of the expected log-likelihood."""
    model, loss = tiny("hard").requires_grad_(True), HardLoss(12, 100, seed=0)
    wanted, estimate = [], []
    for nats, draws in every_way(model, monkeypatch):
        wanted.append(gradient_of(chance_of(draws) * -nats.sum().detach(), model))
        reward = to_come(-nats)
        credit = credit_of(draws, reward - loss.foretell(draws) if with_baseline else reward)
        estimate.append(chance_of(draws).detach() * gradient_of(credit.sum(), model))
    exact, found = torch.stack(wanted).sum(0), torch.stack(estimate).sum(0)
    scale = float(exact.abs().max())
    assert scale > 1e-2
    assert float((found - exact).abs().max()) < 1e-4 * scale


def test_the_readout_learns_from_what_was_written_alone():
    """The credit of a draw changes what chooses the places, not what reads them."""
    model = tiny("hard").requires_grad_(True)
    loss = HardLoss(12, 2, seed=3)
    loss.step = 1  # the last: no expected annotations, no entropy
    (found,) = torch.autograd.grad(loss(model, ONE), [model.readout.weight])
    again = HardLoss(12, 2, seed=3)
    torch.rand((), generator=again.generator, dtype=torch.float32)  # whether a batch is expected
    nats, _ = again.draw(model, ONE)
    (wanted,) = torch.autograd.grad(nats.mean(), [model.readout.weight])
    assert float((found - wanted).abs().max()) < 1e-5 * float(wanted.abs().max())


def test_variance_of_a_gradient_falls_with_a_good_baseline():
    """A baseline that foretells the mean reward, set by hand, against none."""
    model = tiny("hard").requires_grad_(True)
    batch = DateBatch(
        torch.tensor([[9, 4, 33, 7]]).repeat(6, 1),
        torch.ones(6, 4, dtype=torch.long),
        torch.tensor([[1, 6, 9]]).repeat(6, 1),
        torch.tensor([[6, 9, 2]]).repeat(6, 1),
    )
    loss = HardLoss(model.config.hidden_size, 100, seed=0)
    with torch.no_grad():
        nats, _ = loss.draw(model, batch)
        loss.baseline.weight.zero_()
        loss.baseline.bias.fill_(float(to_come(-nats).mean()))
    found = loss.variance(model, batch, step=7, draws=24)
    assert found.step == 7
    assert 0 < found.with_baseline < 0.8 * found.without_baseline
    assert all(weight.grad is None for weight in model.parameters())


def test_how_often_draws_differ_is_worked_by_hand():
    """Four draws: at the first step at 3, 3, 3 and 5, so 3 of 6 pairs differ; at the second two have ended."""
    places = torch.tensor([[3, 1], [3, -1], [3, 1], [5, -1]])
    answer = models.DateAnswer("", "", torch.ones(1), torch.zeros(1, 1, 1, 1))
    other = models.DateAnswer("", "x", torch.ones(1), torch.zeros(1, 1, 1, 1))
    reading = HardReading(answer, answer, (answer, other, answer, answer), torch.zeros(2, 7), places)
    assert reading.differs.tolist() == pytest.approx([0.5, 0.0])
    assert reading.same_answer == 0.75


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> models.AttentionModel:
    folder = tmp_path_factory.mktemp("hard")
    torch.manual_seed(3)
    module = HardModel(HardConfig())
    for weight in module.parameters():
        nn.init.normal_(weight, std=0.3)
    module.save_pretrained(folder)
    character_tokenizer().save_pretrained(folder)
    return load(folder)


def test_a_reading_tells_draws_from_the_likeliest_and_the_expected(hard: models.AttentionModel):
    reading = read_hard(hard, SPELLED, draws=40, seed=1)
    again = read_hard(hard, SPELLED, draws=40, seed=1)
    other = read_hard(hard, SPELLED, draws=40, seed=2)
    assert torch.equal(reading.places, again.places)
    assert not torch.equal(reading.places, other.places)
    rows = len(reading.probabilities)
    assert torch.equal(reading.probabilities.argmax(-1), reading.likeliest.patterns[0, 0, :rows].argmax(-1))
    assert (reading.probabilities.sum(-1) - 1).abs().max() < 1e-5
    assert set(reading.likeliest.patterns.unique().tolist()) == {0.0, 1.0}
    assert reading.expected.patterns.max() < 1
    for row, answer in zip(reading.places, reading.drawn, strict=True):
        assert (row >= 0).sum() == answer.patterns.shape[2]


def test_what_cannot_be_read_is_refused(hard: models.AttentionModel):
    with pytest.raises(BadSelection, match="From 2 to 500"):
        read_hard(hard, SPELLED, draws=1)
    with pytest.raises(BadSelection, match="choose classic-local"):
        read_local(hard, SPELLED)
    with pytest.raises(BadSelection, match="choose classic-hard"):
        read_hard(models.load("family-mha"), SPELLED)
