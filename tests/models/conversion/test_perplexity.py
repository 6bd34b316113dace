"""Perplexity as transformers has it, and what each size of latents costs."""

from __future__ import annotations

import gc
import math
import weakref
from typing import Any

import pytest
import torch

import models
from models.conversion import perplexity
from models.conversion.calibration import TEXT as CALIBRATION
from models.conversion.perplexity import measure_perplexity, original_point, rank_curve
from models.conversion.ranks import full_rank, ranks_for_share
from models.errors import BadSelection, BadText
from models.look.evaluation_texts import evaluation_text
from models.run.model import demand_tokenizer
from models.shape.family import CONTEXT
from models.training.validation import validation_loss
from tests.models.conversion.test_convert import LAYERS, TEXT, converted, logits, module, source, spectra
from tests.models.engine_models import engine
from tests.sentences import assert_sentence

LONG = TEXT * 3


def row(text: str) -> torch.Tensor:
    return torch.tensor(demand_tokenizer(source())(text, verbose=False)["input_ids"])


def test_on_one_window_it_is_the_loss_of_transformers_and_of_token_loss():
    given = row(TEXT)[:120]
    text = str(demand_tokenizer(source()).decode(given))
    assert torch.equal(row(text), given)
    seen = measure_perplexity(source(), text)
    run: Any = module("llama")
    with torch.no_grad():
        expected = run(given[None], labels=given[None]).loss.item()
    assert (seen.windows, seen.tokens) == (1, 119)
    assert seen.loss == pytest.approx(expected, rel=1e-5)
    assert seen.loss == pytest.approx(models.token_loss(source(), text)[1:].mean().item(), rel=1e-5)
    assert seen.perplexity == pytest.approx(math.exp(expected), rel=1e-4)


def test_a_longer_text_is_read_by_windows():
    """The tiny models read 128 tokens at once; the last window is what is left."""
    ids = row(LONG)
    whole = len(ids) // 128
    seen = measure_perplexity(source(), LONG)
    rest = ids[whole * 128 :]
    assert len(rest) > 1
    assert seen.windows == whole + 1
    assert seen.tokens == len(ids) - seen.windows
    total = validation_loss(module("llama"), ids[: whole * 128].view(-1, 128)) * whole * 127
    last = torch.nn.functional.cross_entropy(
        logits(module("llama"), rest[None])[0, :-1], rest[1:], reduction="sum"
    )
    assert seen.loss == pytest.approx((total + last.item()) / seen.tokens, rel=1e-5)
    assert measure_perplexity(source(), LONG, max_tokens=256).windows == 2
    assert measure_perplexity(source(), LONG, max_tokens=30).tokens == 29


def test_the_prose_that_comes_along():
    held, known = evaluation_text(), CALIBRATION.read_text("utf-8")
    assert not {line for line in held.splitlines() if line} & set(known.splitlines())
    family = models.load("family-gqa", device="cpu")
    count = len(demand_tokenizer(family)(held)["input_ids"])
    assert 3000 < count < perplexity.MOST_TOKENS, "all of it is read"
    seen = measure_perplexity(family, max_tokens=CONTEXT)
    assert (seen.tokens, seen.source) == (CONTEXT - 1, "prose that comes with Headlight")
    assert 5 < seen.perplexity < 200, "a trained model on English"


@pytest.mark.parametrize("by_spectrum", [False, True])
def test_the_curve_is_what_converting_and_measuring_gives(by_spectrum: bool):
    shares = (0.25, 0.6, 1.0, 0.999)
    points = list(rank_curve(source(), spectra(), shares, TEXT, by_spectrum=by_spectrum))
    assert len(points) == 3
    for point, share in zip(points, shares, strict=False):
        wanted = ranks_for_share(source(), share, spectra().layers if by_spectrum else None)
        assert point.ranks == wanted
        made = models.convert_to_mla(source(), wanted, spectra())
        assert point.perplexity.loss == pytest.approx(measure_perplexity(made, TEXT).loss, rel=1e-6)
        assert point.bytes_by_formula == point.bytes_measured == 4 * sum(wanted)
        assert point.cache_share == pytest.approx(share, abs=0.03)
    original = original_point(source(), TEXT)
    assert original.ranks is None
    assert original.bytes_by_formula == original.bytes_measured == 4 * LAYERS * 40
    whole = points[2]
    assert whole.ranks == (full_rank(source()),) * LAYERS
    assert whole.perplexity.loss == pytest.approx(original.perplexity.loss, rel=1e-5)
    assert points[0].perplexity.loss != pytest.approx(original.perplexity.loss, rel=1e-4)


def test_one_copy_at_a_time(monkeypatch: pytest.MonkeyPatch):
    made: list[weakref.ref[Any]] = []
    real = perplexity.convert_to_mla

    def watched(*given: Any, **named: Any) -> models.AttentionModel:
        gc.collect()
        assert [copy for copy in made if copy() is not None] == []
        result = real(*given, **named)
        made.append(weakref.ref(result.module))
        return result

    monkeypatch.setattr(perplexity, "convert_to_mla", watched)
    assert len(list(rank_curve(source(), spectra(), (0.3, 0.5, 0.7), TEXT))) == 3


class Cancelled(Exception):
    """What a page raises where somebody pressed Cancel."""


def test_it_can_be_cancelled_between_and_within_points():
    before = {name: tensor.clone() for name, tensor in source().module.state_dict().items()}
    said: list[float] = []

    def listen(_: str, fraction: float) -> None:
        said.append(fraction)
        if fraction > 0.6:
            raise Cancelled

    points = rank_curve(source(), spectra(), (0.3, 0.7), TEXT, progress=listen)
    assert next(points).ranks is not None
    with pytest.raises(Cancelled):
        next(points)
    assert said == sorted(said)
    after = source().module.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


@pytest.mark.parametrize("share", [0, -0.5, 1.2, float("nan")])
def test_shares_that_there_are_not(share: float):
    with pytest.raises(BadSelection, match="share") as refused:
        rank_curve(source(), spectra(), (0.5, share))
    assert_sentence(refused.value)


def test_what_cannot_be_measured():
    for model, text, error in (
        (source(), "", BadText),
        (source(), "a", BadText),
        (engine("bert"), TEXT, BadSelection),
    ):
        with pytest.raises(error) as refused:
            measure_perplexity(model, text)
        assert_sentence(refused.value)
    with pytest.raises(BadSelection, match="At least 2"):
        measure_perplexity(converted(), TEXT, max_tokens=1)
