"""What a person may give in more than one form gives the same in each: number formats, devices, heads, texts, places."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import models
from models import HeadsOff
from models.measuring.reading_time import reading_in_turn
from models.removal.sameness import compare_with_gated
from tests.models.engine_models import SOURCE, TEXT, engine
from tests.sentences import assert_sentence

OFF = [(0, 2), (1, 1)]
HEADS: dict[str, Callable[[], Any]] = {
    "tuple": lambda: tuple(OFF),
    "generator": lambda: (head for head in OFF),
    "twice, in another order": lambda: [*reversed(OFF), OFF[0]],
    "lists": lambda: [list(head) for head in OFF],
    "array": lambda: np.array(OFF),
    "tensor": lambda: torch.tensor(OFF),
    "HeadsOff": lambda: HeadsOff(tuple(OFF)),
    "HeadsOff of its stack": lambda: HeadsOff(tuple(OFF), "decoder"),
}
NO_HEADS: dict[str, Any] = {
    "one head": OFF[0],
    "a number": 3,
    "three numbers": [(0, 1, 2)],
    "halves": [(0, 1.5)],
    "a name": "L0 H1",
    "none": None,
}


def _loss(heads: Any) -> Any:
    return models.token_loss(engine("gpt2"), TEXT, heads_off=heads)[1:]


def _written(heads: Any) -> Any:
    return list(models.stream(engine("gpt2"), TEXT, 6, heads_off=heads))


def _contender(heads: Any) -> Any:
    contender = models.Contender("gpt2", engine("gpt2"), heads_off=heads)
    assert isinstance(contender.heads_off, HeadsOff)
    return contender.heads_off.heads


# Everything that is told of heads in a list.
TAKES: dict[str, Callable[[Any], Any]] = {
    "capture": lambda heads: models.capture(engine("gpt2"), TEXT, heads_off=heads).predictions,
    "token_loss": _loss,
    "stream": _written,
    "Contender": _contender,
    "ablate": lambda heads: models.ablate(engine("gpt2"), TEXT, heads).kl,
    "sweep": lambda heads: models.sweep(engine("gpt2"), TEXT, heads_off=heads).mean.nan_to_num(),
    "chance_ablations": lambda heads: models.chance_ablations(
        engine("gpt2"), models.baseline(engine("gpt2"), TEXT), heads, draws=1
    ).draws,
    "remove_heads": lambda heads: models.remove_heads(engine("gpt2"), heads).removed,
    "removal_cost": lambda heads: models.removal_cost(engine("gpt2"), heads),
    "whole_groups": lambda heads: models.whole_groups(engine("gpt2"), heads),
    "equal_per_group": lambda heads: models.equal_per_group(engine("gpt2"), heads),
    "compare_with_gated": lambda heads: compare_with_gated(
        engine("gpt2"), models.remove_heads(engine("gpt2"), OFF), TEXT, heads
    ),
}  # fmt: skip


@pytest.mark.parametrize("take", TAKES.values(), ids=TAKES.keys())
def test_heads_in_any_form(take: Callable[[Any], Any]):
    expected = take(OFF)
    for form, heads in HEADS.items():
        found = take(heads())
        same = torch.equal(found, expected) if isinstance(expected, torch.Tensor) else found == expected
        assert same, form


@pytest.mark.parametrize("take", TAKES.values(), ids=TAKES.keys())
def test_what_is_no_heads_is_refused_in_a_sentence(take: Callable[[Any], Any]):
    for heads in NO_HEADS.values():
        with pytest.raises(models.BadSelection) as refused:
            take(heads)
        assert_sentence(refused.value)


def test_heads_that_say_another_stack_are_refused():
    model, off = engine("bart"), HeadsOff(((0, 1),), "cross")
    given = models.baseline(model, SOURCE)
    assert models.ablate(model, given, off, stack="cross").off.stack == "cross"
    for take in (
        lambda: models.ablate(model, given, off, stack="decoder"),
        lambda: models.chance_ablations(model, given, off, stack="encoder"),
        lambda: models.sweep(model, SOURCE, stack="decoder", heads_off=off),
        lambda: models.remove_heads(engine("gpt2"), off, stack="decoder"),
    ):
        with pytest.raises(models.BadSelection, match="stack=") as refused:
            take()
        assert_sentence(refused.value)


def test_nothing_stands_in_for_what_is_removed():
    means = models.mean_outputs(engine("gpt2"), TEXT)
    off = HeadsOff(tuple(OFF), instead=means)
    for take in (
        lambda: models.remove_heads(engine("gpt2"), off),
        lambda: models.removal_cost(engine("gpt2"), off),
        lambda: models.sweep(engine("gpt2"), TEXT, heads_off=off),
    ):
        with pytest.raises(models.BadSelection, match="instead") as refused:
            take()
        assert_sentence(refused.value)


# --- number formats and devices -------------------------------------------------------------------------------------


FORMATS = (("float32", torch.float32), ("bfloat16", torch.bfloat16), ("float16", torch.float16))


@pytest.mark.parametrize(("name", "dtype"), FORMATS, ids=[name for name, _ in FORMATS])
def test_a_number_format_by_name_or_as_pytorchs(name: str, dtype: torch.dtype, tiny_llama: Path):
    for given in (name, dtype):
        assert models.cost("family-mla", 100, dtype=given).dtype is dtype
        assert models.cost("family-mla", 100, dtype=given) == models.cost("family-mla", 100, 1, dtype)
        plan = models.plan_serving("family-mla", 100, 2, 10**9, dtype=given)
        assert plan.dtype is dtype
        assert plan.own.cost.dtype is dtype
        assert models.load(tiny_llama, device="cpu", dtype=given).dtype is dtype
        shape = models.RandomShape("mha", 1, 8, 2, 4, vocab=16)
        made = models.random_shape(shape, device=torch.device("cpu"), dtype=given)
        assert (made.dtype, made.device.type) == (dtype, "cpu")


def test_the_cost_in_any_format_of_a_server():
    assert models.cost("family-mha", 10, dtype="float8_e4m3fn").bytes_per_token == 4 * 2 * 256
    assert models.cost("family-mha", 10, dtype=torch.float64).bytes_per_token == 8 * 4 * 2 * 256


def test_what_is_no_number_format_is_refused():
    for dtype in ("int8", "auto", "float31", "", "nn", torch.int8, 32, None, "Tensor"):
        given: Any = dtype
        for take in (
            lambda given=given: models.cost("family-mla", 100, dtype=given),
            lambda given=given: models.plan_serving("family-mla", 100, 2, 10**9, dtype=given),
        ):
            with pytest.raises(models.BadSelection) as refused:
                take()
            assert_sentence(refused.value)
    for dtype in ("int8", "float64", torch.float64, 32):
        given: Any = dtype
        for take in (
            lambda given=given: models.load("family-mla", dtype=given),
            lambda given=given: models.device_peaks("cpu", given),
        ):
            with pytest.raises(models.BadSelection) as refused:
                take()
            assert_sentence(refused.value)


def test_a_device_by_name_or_as_pytorchs(tiny_llama: Path):
    for device in ("cpu", torch.device("cpu"), torch.device("cpu", 0)):
        assert models.load(tiny_llama, device=device).device.type == "cpu"
    for device in ("nowhere", "cpu:1", torch.device("meta"), torch.device("cuda", 99)):
        for take in (
            lambda device=device: models.load(tiny_llama, device=device),
            lambda device=device: models.device_peaks(device),
            lambda device=device: models.start_healing("made", "teacher", "some text", "out", device=device),
        ):
            with pytest.raises(models.BadSelection) as refused:
                take()
            assert_sentence(refused.value)


# --- texts and places ---------------------------------------------------------------------------------------------


TEXTS: dict[str, Callable[[Any], Any]] = {
    "sweep": lambda texts: models.sweep(engine("gpt2"), texts).values,
    "gradient_importance": lambda texts: models.gradient_importance(engine("gpt2"), texts).raw,
    "prune_curve": lambda texts: models.prune_curve(engine("gpt2"), texts, points=2).loss,
    "ranked_on": lambda texts: models.prune_curve(engine("gpt2"), SOURCE, points=2, ranked_on=texts).loss,
    "mean_outputs": lambda texts: models.mean_outputs(engine("gpt2"), texts).per_call[0],
    "reference": lambda texts: models.ablate(engine("gpt2"), SOURCE, OFF, "mean", reference=texts).kl,
    "measure_perplexity": lambda texts: torch.tensor(models.measure_perplexity(engine("gpt2"), texts).loss),
    "original_point": lambda texts: torch.tensor(models.original_point(engine("gpt2"), texts).perplexity.loss),
    "latent_spectra": lambda texts: models.latent_spectra(engine("llama gqa"), texts).layers[0].values,
}  # fmt: skip
LONG = " ".join([TEXT] * 12)  # enough for a calibration


@pytest.mark.parametrize("take", TEXTS.values(), ids=TEXTS.keys())
def test_one_text_is_a_list_of_one(take: Callable[[Any], Any]):
    text = LONG if take is TEXTS["latent_spectra"] else TEXT
    assert torch.equal(take(text), take([text]))
    assert torch.equal(take(text), take((text,)))


@pytest.mark.parametrize("take", TEXTS.values(), ids=TEXTS.keys())
def test_what_is_no_text_is_refused(take: Callable[[Any], Any]):
    for texts in ([], 3, [3], [b"the cat"], Path("the cat"), iter([TEXT])):
        with pytest.raises(models.HeadlightError) as refused:
            take(texts)
        assert_sentence(refused.value)


def test_where_one_text_is_read_a_list_is_refused():
    for take in (
        lambda given: models.capture(engine("gpt2"), given),
        lambda given: models.token_loss(engine("gpt2"), given),
        lambda given: models.count_tokens(engine("gpt2"), given),
        lambda given: models.cut_into_texts(engine("gpt2"), given),
        lambda given: models.other_outputs(engine("gpt2"), given),
        lambda given: next(models.stream(engine("gpt2"), given, 2)),
        lambda given: models.capture(engine("bart"), source=given),
    ):
        for given in ([TEXT, TEXT], [TEXT], b"the cat", 3, (TEXT, TEXT, TEXT), ()):
            with pytest.raises(models.HeadlightError) as refused:
                take(given)
            assert_sentence(refused.value)


def test_several_texts_are_measured_each_by_itself():
    one, other = (models.measure_perplexity(engine("gpt2"), text) for text in (TEXT, SOURCE))
    both = models.measure_perplexity(engine("gpt2"), [TEXT, SOURCE])
    assert both.tokens == one.tokens + other.tokens
    assert both.loss == pytest.approx((one.loss * one.tokens + other.loss * other.tokens) / both.tokens)


def test_a_place_as_a_path_or_a_string(tiny_llama: Path, tmp_path: Path):
    model = models.load(str(tiny_llama))
    assert models.anatomy(tiny_llama).shape == models.anatomy(str(tiny_llama)).shape == model.geometry
    again = models.load(models.save(model, str(tmp_path / "made")))
    assert again.name == str(tmp_path / "made")
    card = models.card_of("family-mla")
    assert card is not None
    card.write(str(tmp_path))
    assert models.Card.read(str(tmp_path)) == models.card_of(tmp_path) == card


def test_heads_that_can_be_read_once_are_off_in_every_run():
    contender = models.Contender("gpt2", engine("gpt2"), heads_off=iter(OFF))
    assert contender.heads_off == HeadsOff(tuple(OFF))
    assert len(reading_in_turn([contender], 5, repeats=2)[0]) == 2
    assert models.measure(engine("gpt2"), 5, 1, repeats=2, heads_off=iter(OFF)).cache_bytes > 0
