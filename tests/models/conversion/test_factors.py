"""The factors against numpy's optimum, and what they are worked out from against transformers' own activations."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from models.conversion.calibration import OFFSETS, LayerMoments, calibrate, needed_tokens, token_row
from models.conversion.calibration import TEXT as BUNDLED
from models.conversion.convert import convert_to_mla, ranks_for_budget
from models.conversion.factors import Projections, Spectrum, spectrum
from models.conversion.ranks import full_rank, share_out
from models.errors import BadText
from models.progress import no_progress
from models.run.model import demand_tokenizer
from tests.models.conversion.test_convert import D_HEAD, D_MODEL, HEADS, LAYERS, TEXT, module, source, spectra
from tests.models.engine_models import assert_near

TOKENS, WIDTH, HEAD_WIDTH, KV_HEADS, GROUP = 311, 23, 5, 2, 3
OUT = KV_HEADS * HEAD_WIDTH


def random(*shape: int, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=shape)


def inputs() -> NDArray[np.float64]:
    """[token, d_model]: some directions a hundred times as strong as others, and not around zero."""
    mixed = random(TOKENS, WIDTH, seed=1) * np.geomspace(10, 0.1, WIDTH) @ random(WIDTH, WIDTH, seed=2)
    return mixed + 3 * random(WIDTH, seed=3)


def weights(scale: float = 1.0) -> Projections:
    """Keys `scale` times as large as they would be."""
    return Projections(
        key=torch.from_numpy(scale * random(OUT, WIDTH, seed=4)),
        value=torch.from_numpy(random(OUT, WIDTH, seed=5)),
        key_bias=torch.from_numpy(scale * random(OUT, seed=6)),
        value_bias=torch.from_numpy(random(OUT, seed=7)),
        output=torch.from_numpy(random(WIDTH, KV_HEADS * GROUP * HEAD_WIDTH, seed=8)),
        heads=KV_HEADS * GROUP,
        kv_heads=KV_HEADS,
    )


def queries() -> NDArray[np.float64]:
    """[token, kv_head, head of its group, d_head], strong in some dimensions and weak in others."""
    return random(TOKENS, KV_HEADS, GROUP, HEAD_WIDTH, seed=9) * np.geomspace(5, 0.2, HEAD_WIDTH)


def moments() -> LayerMoments:
    given, asked = inputs(), queries()
    return LayerMoments(
        torch.from_numpy(given.mean(0)),
        torch.from_numpy(np.cov(given.T, bias=True)),
        torch.from_numpy(np.einsum("nkgd,nkge->kde", asked, asked) / TOKENS),
    )


def costs(key: NDArray[np.float64], value: NDArray[np.float64]) -> tuple[float, float]:
    """What errors of keys and values [token, kv_head, d_head] cost: squared error of scores and of the heads' outputs.

    Every query meets every key, and every value goes through the W_O of every head of its group.
    """
    scores = np.einsum("qkgd,nkd->qkgn", queries(), key) / HEAD_WIDTH**0.5
    projection = weights().output.numpy().reshape(WIDTH, KV_HEADS, GROUP, HEAD_WIDTH)
    outputs = np.einsum("mkgd,nkd->nkgm", projection, value)
    return float((scores**2).sum() / TOKENS**2), float((outputs**2).sum() / TOKENS)


def split(both: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    key, value = both.reshape(-1, 2, KV_HEADS, HEAD_WIDTH).transpose(1, 0, 2, 3)
    return key, value


def exact(given: Projections) -> NDArray[np.float64]:
    matrix = torch.cat([given.key, given.value]).numpy()
    return inputs() @ matrix.T + torch.cat([given.key_bias, given.value_bias]).numpy()


def loss(given: Projections, approximate: NDArray[np.float64]) -> float:
    """Costs of keys and of values, each over what it would cost to leave them at their means."""
    truth = exact(given)
    wrong = costs(*split(approximate - truth))
    whole = costs(*split(truth - truth.mean(0)))
    return wrong[0] / whole[0] + wrong[1] / whole[1]


@pytest.mark.parametrize("scale", [1.0, 37.0])
@pytest.mark.parametrize("rank", [3, 8, 13])
def test_no_map_of_that_rank_costs_less(rank: int, scale: float):
    """numpy's SVD of the weighed activations themselves, token by token, bounds every affine map of that rank."""
    given = weights(scale)
    made = spectrum(given, moments()).cut(rank)
    ours = inputs() @ made.down.T.numpy() @ made.up.T.numpy() + made.bias.numpy()
    truth = exact(given)
    centred = truth - truth.mean(0)
    key, value = split(centred)
    whole = costs(key, value)
    asked = np.einsum("nkgd,nkge->kde", queries(), queries()) / TOKENS / HEAD_WIDTH
    projection = given.output.numpy().reshape(WIDTH, KV_HEADS, GROUP, HEAD_WIDTH)
    read = np.einsum("mkgd,mkge->kde", projection, projection)
    rows = [
        np.einsum("nkd,kde->nke", part, np.linalg.cholesky(moment)).reshape(TOKENS, -1) / cost**0.5
        for part, moment, cost in ((key, asked, whole[0]), (value, read, whole[1]))
    ]
    singular = np.linalg.svd(np.concatenate(rows, axis=1), compute_uv=False)
    best = float((singular[rank:] ** 2).sum() / TOKENS)
    assert loss(given, ours) == pytest.approx(best, rel=1e-4)
    left, values, right = np.linalg.svd(torch.cat([given.key, given.value]).numpy())
    plain = (left[:, :rank] * values[:rank]) @ right[:rank]
    naive = inputs() @ plain.T + torch.cat([given.key_bias, given.value_bias]).numpy()
    assert best < 0.5 * loss(given, naive)


def test_the_spectrum_says_what_is_lost():
    found = spectrum(weights(), moments())
    assert found.values.sum().item() == pytest.approx(1)
    assert bool((found.values.diff() <= 0).all())
    made = found.cut(6)
    ours = inputs() @ made.down.T.numpy() @ made.up.T.numpy() + made.bias.numpy()
    assert loss(weights(), ours) / 2 == pytest.approx(found.values[6:].sum().item(), rel=1e-4)


def activations(name: str) -> tuple[Tensor, Tensor]:
    """What enters k_proj of layer 1 and what leaves its q_proj, by transformers alone; [token, width]."""
    run: Any = module(name)
    seen: list[Tensor] = []
    attention = run.model.layers[1].self_attn
    attention.k_proj.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    attention.q_proj.register_forward_hook(lambda _, __, output: seen.append(output))
    row = token_row(source(name), [TEXT])
    count = -(-len(row) // 128)
    starts = np.linspace(0, len(row) - 128, count).astype(int)
    run(torch.stack([row[start : start + 128] for start in starts]))
    query, given = sorted(seen, key=lambda part: part.shape[-1] == D_MODEL)
    return given.flatten(0, 1).double(), query.flatten(0, 1).double()


@pytest.mark.parametrize("name", ["llama", "qwen2"])
def test_moments_are_those_of_what_the_layers_see(name: str):
    given, query = activations(name)
    found = calibrate(source(name), TEXT)
    assert found.tokens == len(given)
    layer = found.layers[1]
    assert_near(layer.mean, given.mean(0))
    assert_near(layer.covariance, torch.from_numpy(np.cov(given.numpy().T, bias=True)))
    heads = query.view(len(query), 1, HEADS, D_HEAD).transpose(1, 2)  # [token, head, 1, d_head]
    rotary: Any = module(name).model.rotary_emb
    total = torch.zeros(HEADS, D_HEAD, D_HEAD, dtype=torch.float64)
    distances = torch.linspace(0, 127, OFFSETS).round()
    for distance in distances:
        cos, sin = rotary(torch.zeros(1), distance.view(1, 1))
        turned = apply_rotary_pos_emb(heads, heads, cos.double(), sin.double())[0][:, :, 0]
        total += torch.einsum("nhd,nhe->hde", turned, turned) / len(turned) / len(distances)
    assert_near(layer.query, total.view(2, HEADS // 2, D_HEAD, D_HEAD).sum(1))


def test_the_text_that_comes_along_is_read_again_where_it_is_short():
    model = source()
    short = len(token_row(model, [BUNDLED.read_text("utf-8")]))
    assert short > 3000
    assert calibrate(model).tokens >= short
    assert needed_tokens(model) == 2 * D_MODEL
    capped = calibrate(model, max_tokens=300).tokens
    assert 300 <= capped < 300 + 128


def test_whitened_factors_read_better_than_plain_ones():
    """On the text itself: logits nearer to the original's than with the SVD of the weights alone."""
    model, rank = source(), 24
    given = torch.tensor([demand_tokenizer(model)(TEXT)["input_ids"][:100]])
    original: Any = module("llama")
    ours = convert_to_mla(model, rank, spectra())
    plain = convert_to_mla(model, rank, spectra())
    for layer, attention in zip(original.model.layers, plain.module.base_model.layers, strict=True):  # pyright: ignore
        both = torch.cat([layer.self_attn.k_proj.weight, layer.self_attn.v_proj.weight])
        left, values, right = torch.linalg.svd(both, full_matrices=False)
        attention.self_attn.kv_down_proj.weight.copy_(values[:rank, None] * right[:rank])
        attention.self_attn.kv_up_proj.weight.copy_(left[:, :rank])
        attention.self_attn.kv_up_proj.bias.zero_()
    truth = original(given).logits
    distance = [(made.module(given).logits - truth).square().mean().item() for made in (ours, plain)]
    assert distance[0] < 0.7 * distance[1]


def test_a_budget_goes_where_the_energy_is():
    values = ([0.7, 0.2, 0.1], [0.5, 0.3, 0.2])
    blank = torch.zeros(4, 5, dtype=torch.float64)  # 4 keys and values, of a width of 5
    layers = [
        Spectrum(
            torch.tensor(part, dtype=torch.float64), blank[:3], blank[:, :3], blank, blank[:, 0], blank[0]
        )
        for part in values
    ]
    for elements in (2, 3, 4, 5, 6):
        kept: dict[tuple[int, ...], float] = {
            ranks: sum(sum(part[:rank]) for part, rank in zip(values, ranks, strict=True))
            for ranks in product((1, 2, 3), repeat=2)
            if sum(ranks) == elements
        }
        found = share_out(layers, elements)
        assert kept[found] == pytest.approx(max(kept.values()))


def test_a_budget_of_bytes():
    model = source()
    ranks = ranks_for_budget(model, 4 * 60 + 3, spectra())
    assert sum(ranks) == 60
    assert len(ranks) == LAYERS
    assert all(1 <= rank <= full_rank(model) for rank in ranks)
    made = convert_to_mla(model, ranks, spectra(), progress=no_progress)
    assert made.geometry.kv_lora_rank == max(ranks)


def test_a_wide_model_reads_the_bundled_text_more_than_once(monkeypatch: pytest.MonkeyPatch):
    model = source()
    short = len(token_row(model, [BUNDLED.read_text("utf-8")]))
    monkeypatch.setattr("models.conversion.calibration.needed_tokens", lambda _: 2 * short + 5)
    found = calibrate(model)
    assert 2 * short + 5 <= found.tokens < 2 * short + 5 + 128
    with pytest.raises(BadText, match=f"at least {2 * short + 5:,}"):
        calibrate(model, [BUNDLED.read_text("utf-8")])
