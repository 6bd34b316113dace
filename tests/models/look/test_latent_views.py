"""What latent attention caches, as transformers' own cache holds it, and scores in parts."""

import json
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
import torch

from models import BadSelection, Capture, HeadlightError, capture
from models.loading.loader import wrap
from models.look.capturing import capture_inputs
from models.look.latent_reading import position_reads, up_projections
from models.look.latent_views import HIDDEN
from models.run.attention_call import AttentionCall
from models.run.latent_record import LatentRecord
from models.shape.cache_size import cache_elements_per_token_and_layer
from tests.models.engine_models import TEXT, assert_near, engine, fresh
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

OTHER_KINDS = ["gpt2", "llama mha", "llama gqa", "llama mqa"]


@cache
def run_of(name: str) -> Capture:
    return capture_inputs(latent_engine(name), given(name))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_shown_is_what_transformers_caches(name: str):
    run, expected = run_of(name), stock_latents(name)
    assert run.layers() == len(expected)
    for layer, (latent, rotary) in enumerate(expected):
        assert run.has_latents(layer)
        assert_near(run.kv_latent(layer), latent)
        assert run.k_rope(layer).shape == rotary.shape
        assert_near(run.cached(layer), torch.cat([latent, rotary], dim=-1))


@pytest.mark.parametrize("name", NAMES)
def test_query_latents_are_what_comes_out_of_their_norm(name: str):
    run, model, seen = run_of(name), latent_engine(name), {}
    norms = [
        getattr(attention(latent_stock(name), model, i), "q_a_layernorm", None) for i in range(run.layers())
    ]
    hooks = [
        norm.register_forward_hook(lambda part, _, output: seen.__setitem__(part, output[0]))
        for norm in norms
        if norm is not None
    ]
    stock_run(name)
    for hook in hooks:
        hook.remove()
    for layer, norm in enumerate(norms):
        found = run.q_latent(layer)
        if norm is None:
            assert found is None
        else:
            assert found is not None
            assert_near(found, seen[norm])


@pytest.mark.parametrize("name", NAMES)
def test_parts_of_a_score_are_those_of_the_paper_and_add_up(name: str):
    run, head = run_of(name), 4
    for layer, (latent, rotary) in enumerate(stock_latents(name)):
        content_part, rotary_part = run.score_parts(layer, head)
        scores = run.attention_scores(layer, head)
        assert torch.equal(content_part + rotary_part <= HIDDEN, scores <= HIDDEN)
        seen = scores > HIDDEN
        assert_near((content_part + rotary_part)[seen], scores[seen])
        query = run.query(layer, head) * run.scaling(layer)
        width = query.shape[1] - rotary.shape[1]
        up_key = up_projections(latent_engine(name), layer)[0][
            head
        ]  # q^T W_UK c: absorbed, as nowhere in transformers
        assert_near(content_part[seen], ((query[:, :width] @ up_key) @ latent.T)[seen])
        assert_near((rotary_part + 1)[seen], (query[:, width:] @ rotary.T + 1)[seen])


def test_parts_worked_out_by_hand():
    # One head, two numbers of content and one of rotation, scaled by a half.
    call = AttentionCall(
        query=torch.tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]]]),
        key=torch.tensor([[[11.0, 13.0, 17.0], [19.0, 23.0, 29.0]]]),
        value=torch.ones(1, 2, 5),
        scaling=0.5,
        causal=True,
    )
    content, rotary = LatentRecord(torch.ones(2, 7), None, 1).score_parts(call, 0)
    assert_near(content, torch.tensor([[18.5, 32.5], [54.5, 95.5]]))
    assert_near(rotary, torch.tensor([[25.5, 43.5], [59.5, 101.5]]))


def test_a_hidden_key_is_the_lowest_score_in_the_sum_and_half_of_it_in_each_part():
    run = run_of("deepseek_v3")
    content, rotary = run.score_parts(0, 1)
    assert content[2, 3] == rotary[2, 3] == HIDDEN
    assert torch.equal((content + rotary).triu(1), run.attention_scores(0, 1).triu(1))


@pytest.mark.parametrize("name", OTHER_KINDS)
def test_other_kinds_show_their_own_cache(name: str):
    run = capture(engine(name), TEXT)
    held = stock_run(name).past_key_values.layers
    for layer in range(run.layers()):
        keys, values = held[layer].keys[0], held[layer].values[0]  # [kv_head, pos, d_head]
        expected = torch.cat([keys.permute(1, 0, 2).flatten(1), values.permute(1, 0, 2).flatten(1)], dim=1)
        assert_near(run.cached(layer), expected)
        assert not run.has_latents(layer)


@pytest.mark.parametrize("name", ["deepseek_v3", "glm4_moe_lite", *OTHER_KINDS])
def test_as_many_numbers_as_the_formula_says(name: str):
    model = engine(name)
    found = capture(model, TEXT).cached(1)
    assert found.shape == (len(given(name).ids["text"]), cache_elements_per_token_and_layer(model.geometry))


@pytest.mark.parametrize(
    "ask",
    [
        lambda: capture(engine("gpt2"), TEXT).kv_latent(0),
        lambda: capture(engine("llama gqa"), TEXT).k_rope(1),
        lambda: capture(engine("llama gqa"), TEXT).q_latent(1),
        lambda: capture(engine("gemma2"), TEXT).score_parts(0, 0),
        lambda: capture(engine("falcon"), TEXT).kv_latent(0),
        lambda: capture(engine("falcon"), TEXT).cached(0),
        lambda: capture(engine("bert"), TEXT).cached(0),
        lambda: capture(engine("t5"), source="the cat", target="the").cached(0, stack="encoder"),
        lambda: run_of("deepseek_v3").kv_latent(3),
        lambda: run_of("deepseek_v3").score_parts(0, 6),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(ask):
    with pytest.raises(BadSelection) as raised:
        ask()
    assert_sentence(raised.value)


def test_cross_attention_caches_its_source():
    run = capture(engine("t5"), source="the cat sat", target="the dog sat on the mat")
    assert len(run.cached(0, stack="cross")) == len(run.source_tokens) != len(run.target_tokens)


# --- keeping them ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["deepseek_v3", "deepseek_v3 whole queries", "longcat_flash"])
def test_a_file_keeps_them(name: str, tmp_path):
    run = run_of(name)
    run.save(tmp_path / "run.npz")
    again = Capture.load(tmp_path / "run.npz")
    for layer in range(run.layers()):
        assert torch.equal(again.kv_latent(layer), run.kv_latent(layer))
        assert torch.equal(again.cached(layer), run.cached(layer))
        assert torch.equal(again.score_parts(layer, 2).rotary, run.score_parts(layer, 2).rotary)
        query = run.q_latent(layer)
        assert (again.q_latent(layer) is None) == (query is None)
        assert query is None or torch.equal(again.q_latent(layer), query)  # type: ignore[arg-type]


def _rewritten(path, change) -> None:
    with np.load(path) as file:
        arrays: dict[str, Any] = {name: file[name] for name in file.files}
    head = json.loads(arrays["head"].tobytes())
    change(head)
    arrays["head"] = np.frombuffer(json.dumps(head).encode(), dtype=np.uint8)
    np.savez(path, **arrays)


def test_a_file_from_before_opens_and_says_what_it_lacks(tmp_path):
    path = tmp_path / "run.npz"
    run_of("deepseek_v3").save(path)

    def forget(head):
        del head["latents_off"]
        for record in head["stacks"]["decoder"]:
            del record["latent"]

    _rewritten(path, forget)
    again = Capture.load(path)
    assert_near(again.pattern(1), run_of("deepseek_v3").pattern(1))
    for ask in (again.kv_latent, again.cached, partial(position_reads, again)):
        with pytest.raises(BadSelection, match="capture the text again") as raised:
            ask(1)
        assert_sentence(raised.value)


@pytest.mark.parametrize("wrong", [{"rope": 99}, {"kv": "t0"}, {"query": "t0"}])
def test_a_file_whose_latents_do_not_fit_is_refused(wrong: dict, tmp_path):
    path = tmp_path / "run.npz"
    run_of("deepseek_v3").save(path)
    _rewritten(path, lambda head: head["stacks"]["decoder"][1]["latent"].update(wrong))
    with pytest.raises(HeadlightError, match="damaged") as raised:
        Capture.load(path)
    assert_sentence(raised.value)


def test_they_are_counted_and_linear_in_tokens():
    run = run_of("deepseek_v3")
    without = replace(
        run,
        layers_of={
            stack: tuple(replace(record, latent=None) for record in records)
            for stack, records in run.layers_of.items()
        },
    )
    tokens, layers = len(run.tokens), run.layers()
    assert run.nbytes - without.nbytes == tokens * layers * (20 + 28) * 4


# --- the hooks ---------------------------------------------------------------------------------------------------


def _hooks(module: torch.nn.Module) -> int:
    """Those of the engine; transformers has its own, to collect outputs."""
    hooks = [
        hook
        for part in module.modules()
        for hook in (*part._forward_pre_hooks.values(), *part._forward_hooks.values())
    ]
    return sum(getattr(hook, "__module__", "") == "models.run.latent_tap" for hook in hooks)


def test_hooks_are_installed_once_and_only_where_there_are_latents():
    model = fresh("deepseek_v3")
    assert _hooks(model.module) == 2 * 3  # the latents' reader and the query latents' norm, 3 layers
    wrap(model.module, model.tokenizer)
    assert _hooks(model.module) == 2 * 3
    assert _hooks(fresh("llama gqa").module) == 0
