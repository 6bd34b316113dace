"""What a live cache holds, beside the formula; and buffers that grow, are cut, and are copied for another batch."""

from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn

from models.run import expanded_cache
from models.run.cache_modes import cache_bytes, new_cache
from models.shape.cache_size import cache_bytes_by_formula
from tests.models.cache_mode_runs import MODES, feed, greedy, ids_of, pair
from tests.models.engine_models import assert_near

# 3 layers, 6 heads, kv_lora_rank 20, rotary 6, content 10, values 14, float32
FLOATS = {"expanded": 3 * 6 * (10 + 6 + 14), "latent": 3 * (20 + 6), "absorbed": 3 * (20 + 6)}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("name", "dtype"), [("deepseek_v3", torch.float32), ("minicpm3", torch.bfloat16)])
def test_bytes_held_are_the_formula_to_the_byte(
    name: str, dtype: torch.dtype, mode: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(expanded_cache, "BLOCK", 8)
    shared = pair(name)[0]  # a copy of it: weights that were rounded to bfloat16 do not come back
    model = replace(shared, module=deepcopy(shared.module))
    nn.Module.to(model.module, dtype)
    cache, ids = new_cache(model, mode), ids_of(model, batch=2, tokens=19)
    assert cache is not None
    assert (cache_bytes(cache).used, cache_bytes(cache).spare) == (0, 0)
    for start, end, capacity in ((0, 13, 16), (13, 16, 16), (16, 17, 24), (17, 19, 24)):
        feed(model, cache, ids[:, start:end], start)
        held, each = cache_bytes(cache), 2 * dtype.itemsize * FLOATS[mode]
        assert held.used == each * end == 2 * cache_bytes_by_formula(model.geometry, mode, end, dtype)  # pyright: ignore
        assert held.spare == (0 if mode == "latent" else each * (capacity - end))
        assert held.other == 0


@pytest.mark.parametrize("mode", MODES)
def test_what_else_a_layer_keeps_is_told_apart(mode: str):
    sparse = cache_bytes(greedy(pair("deepseek_v32")[0], mode, 3)[2])
    assert (sparse.used, sparse.other) == (
        FLOATS[mode] * 16 * 4,
        3 * 16 * 16 * 4,
    )  # an index key of 16 a token
    hybrid = cache_bytes(greedy(pair("kimi_linear")[0], mode, 3)[2])
    assert hybrid.used == FLOATS[mode] * 16 * 4 * 2 // 3  # one of three layers has linear attention
    assert hybrid.other > 0


@pytest.mark.parametrize("mode", ["expanded", "absorbed"])
def test_a_step_writes_into_the_buffer_that_is_there(mode: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(expanded_cache, "BLOCK", 8)
    model, _ = pair("deepseek_v2")
    cache, ids, places = new_cache(model, mode), ids_of(model, tokens=30), []
    assert cache is not None
    for place in range(30):
        feed(model, cache, ids[:, place : place + 1], place)
        layer: Any = cache.layers[1]
        places.append(layer.keys.data_ptr())
    assert [a == b for a, b in pairwise(places)] == [place % 8 != 0 for place in range(1, 30)]


@pytest.mark.parametrize("mode", MODES)
def test_a_cache_may_be_cut_and_copied(mode: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(expanded_cache, "BLOCK", 8)
    model, _ = pair("deepseek_v2")
    ids, others = ids_of(model, tokens=12), ids_of(model, batch=3, tokens=5)
    expected = feed(model, None, torch.cat([ids[:, :9].expand(3, 9), others], dim=1), 0)[:, 9:]
    cache = new_cache(model, mode)
    assert cache is not None
    feed(model, cache, ids, 0)
    cache.crop(-3)
    assert cache.get_seq_length() == 9
    cache.batch_repeat_interleave(3)
    steps = [feed(model, cache, others[:, n : n + 1], 9 + n) for n in range(5)]
    assert_near(torch.cat(steps, dim=1), expected)
    cache.reset()
    assert_near(feed(model, cache, ids, 0), feed(model, None, ids, 0))
