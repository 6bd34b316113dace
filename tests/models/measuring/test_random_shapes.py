"""Models of a chosen shape with random weights: what is in them, and that presets shrink what they say."""

from dataclasses import replace

import pytest
import torch

from models.costs.model_cost import cost
from models.errors import BadSelection
from models.measuring.measurement import measure
from models.measuring.random_shapes import PRESETS, Preset, RandomShape, config_of, random_shape
from models.shape.attention_geometry import geometry
from models.shape.cache_size import cache_elements_per_token
from tests.sentences import assert_sentence

pytestmark = pytest.mark.slow

TINY = RandomShape("gqa", layers=3, d_model=48, heads=6, d_head=10, kv_heads=2, vocab=131)
LATENT = replace(TINY, kind="mla", kv_heads=0, kv_lora_rank=20, qk_rope_head_dim=6, feed_forward=56)


def made(shape: RandomShape):
    return random_shape(shape, device="cpu", dtype="float32")


@pytest.mark.parametrize(
    ("shape", "kept"),
    [
        (replace(TINY, kind="mha"), 3 * 2 * 6 * 10),
        (TINY, 3 * 2 * 2 * 10),
        (replace(TINY, kind="mqa"), 3 * 2 * 10),
        (LATENT, 3 * (20 + 6)),
        (replace(LATENT, q_lora_rank=14), 3 * (20 + 6)),
    ],
    ids=["mha", "gqa", "mqa", "mla", "mla, queries compressed"],
)
def test_it_has_the_shape_and_can_be_measured(shape: RandomShape, kept: int):
    model = made(shape)
    found = measure(model, 9, 3, batch=2, repeats=1)
    assert (model.geometry.kind, model.geometry.layers, model.geometry.heads) == (shape.kind, 3, 6)
    assert model.geometry.q_lora_rank == (shape.q_lora_rank or None)
    assert found.cache_bytes == 4 * 2 * 12 * kept == found.formula_bytes


def test_the_same_seed_gives_the_same_weights_and_nobody_elses_random_state_moves():
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    one, two = made(TINY), made(TINY)
    assert torch.equal(torch.rand(3), expected)
    weights, others = (list(model.module.parameters()) for model in (one, two))
    assert all(torch.equal(a, b) for a, b in zip(weights, others, strict=True))
    assert weights[0].std() > 0


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_presets_shrink_the_cache_by_what_they_say(preset: Preset):

    whole, scaled = geometry(config_of(preset.original)), geometry(config_of(preset.shape))
    per_layer = cache_elements_per_token(whole) / whole.layers
    assert cache_elements_per_token(scaled) / scaled.layers == per_layer / preset.narrower
    assert scaled.heads == whole.heads
    assert scaled.layers == -(-whole.layers // preset.shorter)
    worked = cost(config_of(preset.shape), 100, dtype=torch.float32)
    assert worked.weight_bytes is not None
    assert worked.weight_bytes < 1e9
    said = preset.factor
    assert said == "its own size" if preset.narrower == 1 else f"1/{preset.narrower} of every width" in said


@pytest.mark.parametrize(
    "shape",
    [
        replace(TINY, layers=0),
        replace(TINY, d_model=-48),
        replace(TINY, heads=10**30),
        replace(TINY, kv_heads=4),
        replace(TINY, kv_heads=0),
        replace(TINY, d_head=9),
        replace(TINY, d_model=50),
        replace(TINY, kind="mqa", d_model=5),
        replace(LATENT, qk_rope_head_dim=5),
        replace(LATENT, kv_lora_rank=0),
        replace(TINY, kind="linear"),  # pyright: ignore[reportArgumentType]
        replace(TINY, layers=257),
        RandomShape("mha", layers=200, d_model=65536, heads=512, d_head=128, feed_forward=262144),
    ],
)
def test_refusals(shape: RandomShape):
    with pytest.raises(BadSelection) as refused:
        made(shape)
    assert_sentence(refused.value)
