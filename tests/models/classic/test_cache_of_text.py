"""What live caches keep of a text, worked out by hand from the family's sizes."""

from collections.abc import Callable

import pytest

import models
from models.classic.cache_of_text import cache_in_name_only, cache_of_text
from models.classic.nominal_latent import NominalLatentConfig
from models.shape.attention_geometry import Kind
from models.shape.family import family_name


@pytest.mark.parametrize(
    ("kind", "numbers"), [("mha", 2 * 8 * 32), ("mqa", 2 * 32), ("gqa", 2 * 2 * 32), ("mla", 128 + 16)]
)
def test_the_familys_caches(load_once: Callable[[str], models.AttentionModel], kind: Kind, numbers: int):
    model = load_once(family_name(kind))
    found = cache_of_text(model, "born on 14-Oct-66 in Paris")
    assert found.tokens == models.count_tokens(model, "born on 14-Oct-66 in Paris")
    assert found.counted == found.formula == numbers * 4 * found.itemsize * found.tokens
    assert found.per_token_and_layer == numbers


def test_what_is_latent_in_name_only_keeps_keys_and_values_whole():
    found = cache_in_name_only(NominalLatentConfig(d_model=15, heads=3), tokens=7)
    assert found.counted == found.formula == 2 * 15 * 7 * 4
    assert found.per_token_and_layer == 30
