"""What heads make of latents: against transformers' own expansion, NumPy, and cases worked out by hand."""

import math
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models import BadSelection, Capture, LatentCut, capture
from models.conversion.convert import convert_to_mla
from models.look.capturing import capture_inputs
from models.look.latent_reading import (
    ScoreShares,
    cache_spectra,
    dimension_use,
    head_angles,
    head_overlap,
    position_reads,
    score_shares,
    spectrum,
    up_projections,
)
from models.look.subspace_overlap import subspace_angles, subspace_overlap
from models.run.model import AttentionModel
from tests.models.engine_models import TEXT, assert_near, engine
from tests.models.latent_models import (
    NAMES,
    attention,
    given,
    latent_engine,
    latent_stock,
    stock_latents,
    stock_run,
)
from tests.sentences import assert_sentence

RANK, NOPE, VALUE = 20, 10, 14


@cache
def run_of(name: str) -> Capture:
    return capture_inputs(latent_engine(name), given(name))


def expand(name: str, layer: int, latents: Tensor) -> tuple[Tensor, Tensor]:
    """transformers' own keys (their content part) and values [head, pos, d] of latents [pos, rank]."""
    part: Any = attention(latent_stock(name), latent_engine(name), layer)
    rotary = torch.zeros(1, 1, len(latents), part.qk_rope_head_dim)
    with torch.no_grad():
        key, value = part.expand_kv(latents[None, None], rotary)
    return key[0, ..., : part.qk_nope_head_dim], value[0]


@pytest.mark.parametrize("name", NAMES)
def test_each_head_reads_what_transformers_expands(name: str):
    for layer, (latents, _) in enumerate(stock_latents(name)):
        key, value = expand(name, layer, latents)
        reads = position_reads(run_of(name), layer)
        assert_near(reads.key_norms, key.norm(dim=-1))
        assert_near(reads.value_norms, value.norm(dim=-1))


@pytest.mark.parametrize("name", ["llama gqa", "gpt2"])
def test_heads_of_other_kinds_read_their_own_cache(name: str):
    held = stock_run(name).past_key_values.layers
    run = capture(engine(name), TEXT)
    for layer in range(run.layers()):
        reads = position_reads(run, layer)
        group = 6 // held[layer].keys.shape[1]
        for head in range(6):
            assert_near(reads.key_norms[head], held[layer].keys[0, head // group].norm(dim=-1))
            assert_near(reads.value_norms[head], held[layer].values[0, head // group].norm(dim=-1))


@pytest.mark.parametrize("name", ["deepseek_v3", "longcat_flash", "kimi_linear", "mistral_large4"])
def test_a_dimension_moves_what_a_unit_step_moves(name: str):
    key, value = expand(name, 1, torch.eye(RANK))  # [head, dimension, d]
    use = dimension_use(latent_engine(name), 1)
    assert_near(use.key_norms, key.norm(dim=-1))
    assert_near(use.value_norms, value.norm(dim=-1))


def test_a_spectrum_worked_out_by_hand():
    # Rows (3, 0, 0, 0) and (0, 0, 1, 0) twice over: singular values sqrt(18) and sqrt(2), shares 3/4 and 1/4.
    found = spectrum(torch.tensor([[3.0, 0, 0, 0], [0, 0, 1, 0]]).repeat(2, 1))
    assert found.singular_values.tolist() == pytest.approx([18**0.5, 2**0.5, 0, 0], abs=1e-6)
    assert found.effective_rank == pytest.approx(4 / 3**0.75)  # exp(-3/4 ln 3/4 - 1/4 ln 1/4)
    assert (found.positions, found.elements) == (4, 4)
    assert spectrum(torch.eye(7)).effective_rank == pytest.approx(7)
    assert spectrum(torch.ones(5, 3)).effective_rank == pytest.approx(1, abs=1e-5)
    assert spectrum(torch.zeros(5, 3)).effective_rank == 0


@pytest.mark.parametrize("name", ["deepseek_v3", "llama gqa"])
def test_spectra_of_caches_as_numpy_has_them(name: str):
    found = cache_spectra(run_of(name))
    held = stock_run(name).past_key_values.layers
    for layer, entry in zip(found, held, strict=True):
        parts = [entry.keys[0]] if name == "deepseek_v3" else [entry.keys[0], entry.values[0]]
        vectors = np.concatenate([row for part in parts for row in part.double().numpy()], axis=1)
        values = np.linalg.svd(vectors, compute_uv=False)
        share = values / values.sum()
        assert_near(layer.singular_values, torch.from_numpy(values).float())
        assert layer.effective_rank == pytest.approx(math.exp(-(share * np.log(share)).sum()), rel=1e-4)
        assert layer.elements == vectors.shape[1]


def test_angles_of_planes_worked_out_by_hand():
    # In five dimensions: the plane of axes 1 and 2; one that shares axis 1 and is turned by 0.3 from axis 2; axes 4 and 5.
    c, s = math.cos(0.3), math.sin(0.3)
    planes = torch.tensor(
        [
            [[2.0, 0, 0, 0, 0], [1, 1, 0, 0, 0]],
            [[5, 0, 0, 0, 0], [3, c, s, 0, 0]],
            [[0, 0, 0, 1, 0], [0, 0, 0, 1, 4]],
        ]
    )
    found = subspace_overlap(planes)
    assert subspace_angles(planes[0], planes[1]).tolist() == pytest.approx([0, 0.3], abs=1e-6)
    assert subspace_angles(planes[1], planes[0]).tolist() == pytest.approx([0, 0.3], abs=1e-6)
    assert subspace_angles(planes[0], planes[2]).tolist() == pytest.approx([math.pi / 2] * 2, abs=1e-6)
    assert found.overlap[0].tolist() == pytest.approx([1, (1 + c * c) / 2, 0], abs=1e-5)
    assert found.ranks.tolist() == [2, 2, 2]
    assert found.chance.flatten().tolist() == pytest.approx([2 / 5] * 9)


def test_a_line_within_a_plane():
    both = torch.tensor([[[1.0, 1, 0], [2, 2, 0]], [[1, 0, 0], [0, 1, 0]]])
    found = subspace_overlap(both)
    assert found.ranks.tolist() == [1, 2]
    assert found.overlap.flatten().tolist() == pytest.approx([1, 1, 1, 1], abs=1e-5)
    assert subspace_angles(both[0], both[1]).tolist() == pytest.approx([0], abs=1e-4)
    assert found.chance.flatten().tolist() == pytest.approx([1 / 3, 2 / 3, 2 / 3, 2 / 3])


def test_random_spaces_overlap_as_much_as_chance_says():
    weights = torch.randn(24, 3, 41, generator=torch.Generator().manual_seed(1))
    found = subspace_overlap(weights)
    apart = ~torch.eye(24, dtype=torch.bool)
    assert found.overlap[apart].mean().item() == pytest.approx(3 / 41, rel=0.05)


@pytest.mark.parametrize("reads", ["key", "value"])
def test_overlap_of_a_models_heads_as_projectors_have_it(reads: str):
    # The mean squared cosine is the trace of the product of the two projectors over the smaller dimension.
    found = head_overlap(engine("deepseek_v3"), 2, reads)
    weight: Any = attention(latent_stock("deepseek_v3"), engine("deepseek_v3"), 2).kv_b_proj.weight
    rows = weight.double().numpy().reshape(6, NOPE + VALUE, RANK)
    rows = rows[:, :NOPE] if reads == "key" else rows[:, NOPE:]
    projectors = [np.linalg.pinv(part) @ part for part in rows]
    expected = [[np.trace(one @ other) / rows.shape[1] for other in projectors] for one in projectors]
    assert_near(found.overlap, torch.tensor(expected).float())
    angles = head_angles(engine("deepseek_v3"), 2, (1, 4), reads)
    assert angles.shape == (rows.shape[1],)
    assert angles.cos().square().mean().item() == pytest.approx(expected[1][4], rel=1e-4)
    spans = [np.linalg.svd(part, full_matrices=False)[2] for part in (rows[1], rows[4])]
    cosines = np.linalg.svd(spans[0] @ spans[1].T, compute_uv=False)
    assert_near(angles, torch.from_numpy(np.arccos(cosines.clip(max=1))).float())


def test_many_heads_give_what_pairs_give_and_can_be_cancelled():
    weights = torch.randn(5, 3, 70, generator=torch.Generator().manual_seed(2))
    weights[3, 2] = weights[3, 0] - 2 * weights[3, 1]  # a head that reads two directions only
    weights[4] = 0
    told: list[float] = []
    found = subspace_overlap(weights, progress=lambda _, fraction: told.append(fraction))
    assert told == sorted(told)
    assert len(told) == 3
    assert found.ranks.tolist() == [3, 3, 3, 2, 0]
    for one, other in ((0, 1), (1, 3), (3, 3), (4, 2)):
        cosines = subspace_angles(weights[one], weights[other]).cos()
        mean = cosines.square().mean().item() if len(cosines) else 0.0
        assert found.overlap[one, other].item() == pytest.approx(mean, abs=1e-6)

    def stop(_: str, fraction: float) -> None:
        if fraction > 0.3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        subspace_overlap(weights, progress=stop)


@pytest.mark.parametrize("name", ["deepseek_v3", "deepseek_v32", "hy_v4", "mistral_large4"])
def test_shares_as_numpy_works_them_out_row_by_row(name: str):
    run, found = run_of(name), score_shares(run_of(name))
    for layer in range(run.layers()):
        for head in (0, 5):
            content, rotary = (part.double().numpy() for part in run.score_parts(layer, head))
            seen = run.pattern(layer, head).numpy() > 0
            sums = np.zeros(3)
            for row in range(len(seen)):
                one, other = content[row, seen[row]], rotary[row, seen[row]]
                both = (
                    np.cov(one, other, bias=True) * seen[row].sum()
                    if seen[row].sum() > 1
                    else np.zeros((2, 2))
                )
                sums += both[0, 0], both[1, 1], both[0, 1]
            assert found.content[layer, head].item() == pytest.approx(sums[0] / (sums[0] + sums[1]), rel=1e-4)
            assert found.coupling[layer, head].item() == pytest.approx(
                2 * sums[2] / (sums[0] + sums[1]), rel=1e-3, abs=1e-5
            )


def test_without_a_rotary_key_all_is_content():
    found = score_shares(run_of("glm5_next"))
    assert torch.equal(found.content, torch.ones(2, 6))
    assert torch.equal(found.coupling, torch.zeros(2, 6))


@cache
def converted() -> AttentionModel:
    """Llama with grouped queries whose keys and values are built from one latent of 17, before the rotary embedding."""
    return convert_to_mla(engine("llama gqa"), 17, "the cat sat on the mat and the dog sat on the cat " * 200)


def test_a_converted_model_shows_its_latents_too():
    model = converted()
    run, held = capture(model, TEXT), []
    part: Any = model.module.get_submodule(model.plan.sites[1].module)
    hook = part.kv_down_proj.register_forward_hook(lambda *call: held.append(call[2][0]))
    capture(model, TEXT)
    hook.remove()
    assert_near(run.kv_latent(1), held[0])
    assert torch.equal(run.cached(1), run.kv_latent(1))
    key, value = (expanded[0].detach() for expanded in part.expand(held[0][None]))  # [kv_head, pos, d_head]
    reads = position_reads(run, 1)
    assert_near(
        reads.key_norms[2], key[0].norm(dim=-1)
    )  # three heads a group; turning leaves lengths as they are
    assert_near(reads.value_norms[3], value[1].norm(dim=-1))
    up_key, up_value = up_projections(model, 1)
    bias = part.kv_up_proj.bias.detach().view(2, 2, 10)
    for head in range(6):
        assert_near(held[0] @ up_key[head].T, key[head // 3] - bias[0, head // 3])
        assert_near(held[0] @ up_value[head].T, value[head // 3] - bias[1, head // 3])


@pytest.mark.parametrize(
    "ask",
    [
        lambda run: run.k_rope(1),
        lambda run: run.score_parts(0, 0),
        score_shares,
        lambda _: capture(converted(), TEXT, latents_off=LatentCut(rotary=True)),
    ],
)
def test_keys_of_one_piece_have_no_rotary_part(ask):
    with pytest.raises(BadSelection) as raised:
        ask(capture(converted(), TEXT))
    assert_sentence(raised.value)


def test_what_heads_are_called():
    shares = ScoreShares(torch.tensor([[0.9, 0.5, 0.1, torch.nan]]), torch.zeros(1, 4))
    assert [shares.kind(0, head) for head in range(4)] == ["content head", "mixed head", "position head", ""]


@pytest.mark.parametrize(
    "ask",
    [
        lambda: dimension_use(engine("gpt2"), 0),
        lambda: up_projections(engine("deepseek_v3"), 3),
        lambda: up_projections(engine("falcon"), 0),
        lambda: head_overlap(engine("deepseek_v3"), 0, "query"),
        lambda: score_shares(capture(engine("gpt2"), TEXT)),
        lambda: position_reads(capture(engine("falcon"), TEXT), 0),
        lambda: position_reads(run_of("deepseek_v3"), 3),
        lambda: cache_spectra(capture(engine("bert"), TEXT)),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(ask):
    with pytest.raises(BadSelection) as raised:
        ask()
    assert_sentence(raised.value)
