"""Latents cut for one run: as a copy of the model whose weights were edited so, under transformers' own attention."""

import threading
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from models import BadSelection, Capture, LatentCut, capture, token_loss
from models.look.capturing import capture_inputs
from models.run.cache_modes import new_cache
from models.run.latent_cut import cuts
from models.run.tap import Tap, tapped
from tests.models.engine_models import TEXT, assert_near, engine, fresh
from tests.models.latent_models import NAMES, OTHERS, attention, given, latent_engine, latent_stock, stock_run
from tests.sentences import assert_sentence

pytestmark = pytest.mark.slow

RANK, ROPE = 20, 6
DIRECTIONS = torch.randn(3, RANK, generator=torch.Generator().manual_seed(17)) * torch.tensor(
    [[7], [1], [0.1]]
)


def edited(name: str, layer: int, cut: LatentCut) -> PreTrainedModel:
    """A copy of transformers' model without what is cut: W_UK and W_UV read a latent times (I - P)."""
    module = deepcopy(latent_stock(name))
    part = attention(module, latent_engine(name), layer)
    with torch.no_grad():
        axes = torch.cat([torch.eye(RANK)[list(cut.dimensions)], torch.tensor(cut.directions).view(-1, RANK)])
        if len(axes):
            projector = (
                torch.linalg.pinv(axes.double()) @ axes.double()
            )  # onto the span, as Moore-Penrose has it
            part.kv_b_proj.weight.sub_((part.kv_b_proj.weight.double() @ projector).float())
        if cut.whole:
            part.kv_b_proj.weight.zero_()
        if cut.rotary:
            part.kv_a_proj_with_mqa.weight[RANK:] = 0
            if part.kv_a_proj_with_mqa.bias is not None:
                part.kv_a_proj_with_mqa.bias[RANK:] = 0
    return module


def answer(output: Any) -> Tensor:
    """Logits of the last token, or its last hidden state where a class has no language head."""
    return output.logits[0, -1].softmax(-1) if hasattr(output, "logits") else output.last_hidden_state[0, -1]


def engine_answer(name: str, *cuts: LatentCut) -> Tensor:
    run = capture_inputs(latent_engine(name), given(name), latents_off=cuts)
    return run.predictions[0]


CUTS = {
    "dimensions": LatentCut(1, dimensions=(2, 5, 19)),
    "directions": LatentCut(1, directions=DIRECTIONS),
    "both": LatentCut(1, dimensions=(0, 7), directions=DIRECTIONS[:2]),
    "whole": LatentCut(1, whole=True),
    "rotary": LatentCut(1, rotary=True),
}


@pytest.mark.parametrize("kind", CUTS)
@pytest.mark.parametrize("name", [name for name in NAMES if name not in OTHERS or name == "mistral4"])
def test_a_cut_is_as_edited_weights(name: str, kind: str):
    cut = CUTS[kind]
    expected = answer(stock_run(name, edited(name, 1, cut)))
    untouched = answer(stock_run(name))
    assert (expected - untouched).abs().max() > 1e-3 * untouched.abs().max()  # the cut does something
    assert_near(engine_answer(name, cut), expected)
    assert_near(engine_answer(name), untouched)  # for that one run alone


def test_a_layer_that_reads_anothers_cache_is_cut_where_it_reads():
    name = "mistral_large4"
    model, text = latent_engine(name), given(name)
    cut = LatentCut(2, dimensions=(3, 4))
    run = capture_inputs(model, text, latents_off=cut)
    whole = capture_inputs(model, text)
    assert run.kv_latent(2)[:, [3, 4]].abs().max() == 0
    assert torch.equal(run.kv_latent(0), whole.kv_latent(0))
    assert torch.equal(run.kv_latent(2)[:, 5:], whole.kv_latent(0)[:, 5:])


@pytest.mark.parametrize("name", ["deepseek_v2", "deepseek_v3", "longcat_flash", "hy_v4"])
def test_patterns_and_losses_are_those_of_edited_weights(name: str):
    cut = LatentCut(1, dimensions=(2, 5), directions=DIRECTIONS, rotary=True)
    module = edited(name, 1, cut)
    with torch.no_grad():
        output = torch.nn.Module.__call__(
            module, **given(name).inputs, use_cache=False, output_attentions=True
        )
    run = capture(engine(name), TEXT, latents_off=cut)
    for layer, pattern in enumerate(output.attentions):
        assert_near(run.pattern(layer), pattern[0])
    ids = torch.tensor(given(name).ids["text"])
    losses = -output.logits[0].log_softmax(-1)[range(len(ids) - 1), ids[1:]]
    assert_near(token_loss(engine(name), TEXT, latents_off=cut)[1:], losses)


def test_a_whole_latent_cut_is_all_heads_off():
    model = engine("deepseek_v3")
    heads = [(1, head) for head in range(6)]
    whole = token_loss(model, TEXT, latents_off=LatentCut(1, whole=True))
    assert_near(whole[1:], token_loss(model, TEXT, heads_off=heads)[1:])


def test_what_is_recorded_is_what_heads_could_read():
    run = capture(
        engine("deepseek_v3"), TEXT, latents_off=[LatentCut(dimensions=(4,)), LatentCut(2, rotary=True)]
    )
    for layer in range(3):
        assert run.kv_latent(layer)[:, 4].abs().max() == 0
        assert run.kv_latent(layer)[:, 5].abs().min() > 0
        assert (run.k_rope(layer).abs().max() == 0) == (layer == 2)
    content, _ = run.score_parts(2, 3)
    assert_near(content.tril(), run.attention_scores(2, 3).tril())


def test_cuts_of_one_layer_add_up_and_stand_in_the_capture(tmp_path):
    model = engine("deepseek_v3")
    parts = [LatentCut(1, dimensions=(2,)), LatentCut(1, directions=DIRECTIONS), LatentCut(rotary=True)]
    run = capture(model, TEXT, latents_off=parts)
    joined = [LatentCut(1, dimensions=[2], directions=DIRECTIONS.tolist()), LatentCut(rotary=True)]
    assert_near(capture(model, TEXT, latents_off=joined).predictions, run.predictions)
    assert run.latents_off == tuple(parts)
    run.save(tmp_path / "run.npz")
    assert Capture.load(tmp_path / "run.npz").latents_off == run.latents_off
    assert len({*run.latents_off, *run.latents_off}) == 3  # a key for what is stored by it


def test_with_heads_off_too():
    name, cut = "deepseek_v3", LatentCut(2, dimensions=(1, 3))
    module = edited(name, 2, cut)
    part = attention(module, engine(name), 0)
    with torch.no_grad():
        part.o_proj.weight[:, 5 * 14 :] = 0  # head 5 of layer 0
    run = capture(engine(name), TEXT, latents_off=cut, heads_off=[(0, 5)])
    assert_near(run.predictions[0], answer(stock_run(name, module)))


@pytest.mark.parametrize("kind", ["both", "rotary"])
@pytest.mark.parametrize("mode", ["expanded", "latent", "absorbed"])
def test_a_cut_holds_token_by_token_however_the_past_is_cached(mode: str, kind: str):
    model, ids = engine("deepseek_v3"), given("deepseek_v3").inputs["input_ids"]
    past, cut = new_cache(model, mode), CUTS[kind]
    logits = torch.empty(0)
    with torch.inference_mode():
        for token in range(ids.shape[1]):
            with tapped(Tap(cuts=cuts(model, cut))):
                logits = model.module(ids[:, token : token + 1], past_key_values=past, use_cache=True).logits
    assert_near(logits[0, -1].softmax(-1), answer(stock_run("deepseek_v3", edited("deepseek_v3", 1, cut))))


def test_no_weight_changes():
    model = fresh("deepseek_v3")
    before = {name: weight.clone() for name, weight in model.module.state_dict().items()}
    capture(model, TEXT, latents_off=list(CUTS.values()))
    assert all(torch.equal(weight, before[name]) for name, weight in model.module.state_dict().items())


@pytest.mark.parametrize("name", ["deepseek_v3", "longcat_flash"])
def test_threads_do_not_meet(name: str):
    model = engine(name)
    wanted = [(), *([cut] for cut in CUTS.values()), (), [LatentCut(0, rotary=True)]]

    def work(index: int) -> list[Tensor]:
        run = capture(model, TEXT, latents_off=wanted[index])
        return [run.predictions, run.kv_latent(1), run.k_rope(0), run.pattern(1)]

    alone = [work(index) for index in range(8)]
    assert torch.equal(alone[0][0], alone[6][0])
    assert not any(torch.equal(alone[0][0], other[0]) for other in (*alone[1:6], alone[7]))
    start = threading.Barrier(8)

    def together(index: int) -> list[Tensor]:
        start.wait()
        return work(index)

    for _ in range(3):
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(together, range(8)))
        for ours, theirs in zip(found, alone, strict=True):
            assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize(
    ("name", "cut"),
    [
        ("deepseek_v3", {}),
        ("deepseek_v3", {"layer": 3, "whole": True}),
        ("deepseek_v3", {"layer": -1, "whole": True}),
        ("deepseek_v3", {"layer": 1, "dimensions": (20,)}),
        ("deepseek_v3", {"layer": 1, "dimensions": (-1,)}),
        ("deepseek_v3", {"directions": [[1.0] * 19]}),
        ("deepseek_v3", {"directions": [[0.0] * 20]}),
        ("deepseek_v3", {"directions": [[float("nan")] * 20]}),
        ("deepseek_v3", {"directions": [1.0] * 20}),
        ("deepseek_v3", {"dimensions": 3}),
        ("deepseek_v3", {"dimensions": [0.5]}),
        ("gpt2", {"whole": True}),
        ("falcon", {"whole": True}),
        ("bert", {"whole": True}),
    ],
)
def test_what_cannot_be_cut_is_said_in_a_sentence(name: str, cut: dict):
    with pytest.raises(BadSelection) as raised:
        capture(engine(name), TEXT, latents_off=LatentCut(**cut))
    assert_sentence(raised.value)


@pytest.mark.parametrize(("name", "layer"), [("mistral_large4", 1), ("glm5_next", None), ("glm5_next", 0)])
def test_a_layer_without_a_rotary_key_says_so(name: str, layer: int | None):
    with pytest.raises(BadSelection, match="no rotary key") as raised:
        capture_inputs(latent_engine(name), given(name), latents_off=LatentCut(layer, rotary=True))
    assert_sentence(raised.value)


def test_a_cut_of_all_layers_skips_those_without_a_rotary_key():
    name = "mistral_large4"
    run = capture_inputs(latent_engine(name), given(name), latents_off=LatentCut(rotary=True))
    assert [run.k_rope(layer).abs().sum().item() for layer in range(3)] == [0, 0, 0]
