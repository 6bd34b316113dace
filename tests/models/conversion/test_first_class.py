"""A converted model, opened from its folder, can be looked at like any other."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import torch

import models
from models.conversion.convert import convert_to_mla
from models.conversion.perplexity import live_bytes
from models.errors import BadSelection
from models.loading.saved_folder import save
from models.run.model import AttentionModel
from models.shape.cache_size import cache_bytes_per_token
from tests.models.conversion.test_convert import D_HEAD, HEADS, LAYERS, source, spectra
from tests.models.engine_models import assert_near
from tests.sentences import assert_sentence

TEXT = "the cat sat on the mat, and the dog sat on the cat"
KINDS = ("llama", "qwen2", "mistral")
RANK = 17


@cache
def opened(name: str, folder: Path) -> AttentionModel:
    place = save(convert_to_mla(source(name), RANK, spectra(name)), folder / name)
    return models.load(str(place), "cpu", "float32")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("converted")


@pytest.mark.parametrize("name", KINDS)
def test_wall_and_latents(name: str, folder: Path):
    model = opened(name, folder)
    run = models.capture(model, TEXT)
    assert (model.geometry.kind, run.layers(), run.heads(0)) == ("mla", LAYERS, HEADS)
    assert run.tiles(8).shape == (LAYERS, HEADS, 8, 8)
    scores = run.scores().values["previous_token"]
    assert scores.shape == (LAYERS, HEADS)
    assert scores.isfinite().all()
    count = len(run.tokens)
    for layer in range(LAYERS):
        assert run.kv_latent(layer).shape == run.cached(layer).shape == (count, RANK)
        attention = model.module.get_submodule(f"model.layers.{layer}.self_attn")
        key, value = attention.expand(run.kv_latent(layer)[None])  # pyright: ignore[reportCallIssue]
        assert key.shape == value.shape == (1, 2, count, D_HEAD)
        assert_near(run.value(layer, 5), value[0, 1])
    for refused_view in (run.k_rope, lambda layer: run.score_parts(layer, 0)):
        with pytest.raises(BadSelection, match="rotates them afterwards") as refused:
            refused_view(0)
        assert_sentence(refused.value)


@pytest.mark.parametrize("name", KINDS)
def test_heads_and_latents_off(name: str, folder: Path):
    model = opened(name, folder)
    whole = models.token_loss(model, TEXT)
    every = [(1, head) for head in range(HEADS)]
    without_heads = models.token_loss(model, TEXT, heads_off=every)
    assert (without_heads - whole)[1:].abs().max() > 1e-3
    narrower = models.token_loss(model, TEXT, latents_off=models.LatentCut(1, dimensions=(0, 3)))
    assert (narrower - whole)[1:].abs().max() > 1e-4
    assert torch.equal(models.token_loss(model, TEXT)[1:], whole[1:])
    change = models.pattern_change(
        models.capture(model, TEXT), models.capture(model, TEXT, heads_off=[(0, 0)])
    )
    assert change[0].max() == 0
    assert change[1:].min() > 0


@pytest.mark.parametrize("name", KINDS)
def test_writing_in_every_mode_that_there_is(name: str, folder: Path):
    model = opened(name, folder)
    texts = ["".join(models.stream(model, TEXT, 6, cache=mode)) for mode in ("auto", "latent")]
    assert texts[0] == texts[1]
    for mode in ("absorbed", "expanded"):
        with pytest.raises(BadSelection, match="“latent”") as refused:
            list(models.stream(model, TEXT, 2, cache=mode))
        assert_sentence(refused.value)
    assert live_bytes(model) == cache_bytes_per_token(model.geometry, torch.float32) == LAYERS * RANK * 4
