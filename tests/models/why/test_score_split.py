"""Who made a score: against the score that was captured, and against keys and queries worked out by transformers' modules."""

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

import models
from models import BadSelection
from models.look.capturing import capture_inputs
from models.run.inputs import Encoded
from models.why.residual_stream import residual_stream
from models.why.score_split import ScoreAnatomy, score_anatomy
from models.why.stream_parts import Part
from tests.models.engine_models import TEXT, assert_near, engine, stock, tokenizer
from tests.models.latent_models import other_engine
from tests.models.why.test_logit_split import SAID, SPLIT
from tests.sentences import assert_sentence

NAMES = [
    *[
        "gpt2",
        "llama gqa",
        "llama mqa",
        "qwen2",
        "qwen3",
        "gemma2",
        "gemma3_text",
        "olmo2",
        "gpt_neox",
        "phi",
    ],
    *[
        "cohere",
        "granite",
        "deepseek_v2",
        "deepseek_v3",
        "deepseek_v3 whole queries",
        "glm4_moe_lite",
        "ctrl",
    ],
    *[name for name in SPLIT if name != "deepseek_v32"],
]
QUERY, KEY = 9, 8


def assert_adds_up(found: ScoreAnatomy, scores: Tensor, score: float) -> None:
    """scores: of the query with every key that it sees, whose largest is the scale."""
    scale = scores.abs().max().item()
    assert scale > 1e-3
    for side in (found.query_side.sum(), found.key_side.sum(), found.pairs.sum()):
        assert side.item() == pytest.approx(score, abs=1e-4 * scale)
    assert found.score == pytest.approx(score, abs=1e-4 * scale)
    assert_near(found.pairs.sum(1), found.query_side, 1e-3)
    assert_near(found.pairs.sum(0), found.key_side, 1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_parts_add_up_to_the_score_that_was_captured(name: str):
    stream = residual_stream(engine(name), TEXT)
    run = stream.run
    for layer in range(run.layers()):
        head = run.heads(layer) - 2
        query, key = run.query(layer, head), run.key(layer, head)
        scores = query[QUERY] @ key.T * run.scaling(layer)
        seen = run.attention_scores(layer, head)[QUERY] > -1e30
        whole = score_anatomy(engine(name), stream, layer, head, QUERY, KEY)
        assert_adds_up(whole, scores[seen], scores[KEY].item())
        centred = score_anatomy(engine(name), stream, layer, head, QUERY, KEY, centred=True)
        assert_adds_up(centred, scores[seen], (scores[KEY] - scores[seen].mean()).item())


def test_a_class_whose_queries_are_scaled_by_their_place():
    """Mistral 4, with latents."""
    model = other_engine("mistral4")
    model_ids = (7, 30, 90, 12, 55, 101, 8, 9)
    ids = torch.tensor([model_ids])
    names = tuple(map(str, model_ids))
    given = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    run = capture_inputs(model, Encoded(given, {"text": model_ids}, {"text": names}))
    found = score_anatomy(model, run, 2, 1, 7, 4)
    scores = run.query(2, 1)[7] @ run.key(2, 1).T * run.scaling(2)
    assert_adds_up(found, scores, scores[4].item())


@torch.no_grad()
def _seen_by_stock(name: str, paths: dict[str, str]) -> dict[str, Tensor]:
    """What modules of transformers' own model read (or made, where the key says so), [pos, width]."""
    seen: dict[str, Tensor] = {}

    def listener(key: str) -> Any:
        def listen(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            kept = output if key.endswith("made") else (args[0] if args else kwargs["hidden_states"])
            kept = kept[0] if isinstance(kept, tuple) else kept
            seen[key] = kept[0]

        return listen

    hooks = [
        stock(name).get_submodule(path).register_forward_hook(listener(key), with_kwargs=True)
        for key, path in paths.items()
    ]
    stock(name)(torch.tensor([tokenizer("causal")(TEXT)["input_ids"]]))
    for hook in hooks:
        hook.remove()
    return seen


@torch.no_grad()
@pytest.mark.parametrize("name", ["llama gqa", "qwen3"])
def test_one_head_on_either_side_by_transformers_own_modules(name: str):
    """L1 H4's share: the score less that with its write taken out of what one side reads, norms as they were."""
    model: Any = stock(name)
    layer = model.model.layers[2]
    seen = _seen_by_stock(name, {"stream": "model.layers.2", "outputs": "model.layers.1.self_attn.o_proj"})
    matrix = model.model.layers[1].self_attn.o_proj.weight[:, 40:50]
    written = seen["outputs"][:, 40:50] @ matrix.T

    def side(projection: Any, norm: Any, own: int) -> tuple[Tensor, Tensor]:
        """Whole, and what is made of the one write alone; [pos, 10] each."""
        stream = seen["stream"]
        factor = layer.input_layernorm.weight / (stream.square().mean(-1, keepdim=True) + 1e-6).sqrt()
        whole, part = (projection(one * factor)[:, own * 10 : own * 10 + 10] for one in (stream, written))
        if norm is not None:
            inner = norm.weight / (whole.square().mean(-1, keepdim=True) + 1e-6).sqrt()
            whole, part = whole * inner, part * inner
        return whole, part

    attention = layer.self_attn
    query = side(attention.q_proj, getattr(attention, "q_norm", None), 3)
    key = side(attention.k_proj, getattr(attention, "k_norm", None), 1)
    places = torch.arange(len(written))[None]
    cos, sin = model.model.rotary_emb(seen["stream"][None], places)

    def rotated(vectors: Tensor) -> Tensor:
        return apply_rotary_pos_emb(vectors[None, None], vectors[None, None], cos, sin)[0][0, 0]

    (queries, query_part), (keys, key_part) = ([rotated(one) for one in both] for both in (query, key))
    found = score_anatomy(engine(name), TEXT, 2, 3, QUERY, KEY)
    place = found.parts.index(Part("head", 1, 4))
    scale = 10**-0.5
    expected = [queries[QUERY] @ keys[KEY], query_part[QUERY] @ keys[KEY]]
    expected += [queries[QUERY] @ key_part[KEY], query_part[QUERY] @ key_part[KEY]]
    split = [found.score, found.query_side[place], found.key_side[place], found.pairs[place, place]]
    assert_near(torch.tensor(split), torch.stack(expected) * scale, 1e-4)
    centred = score_anatomy(engine(name), TEXT, 2, 3, QUERY, KEY, centred=True)
    shares = key_part[: QUERY + 1] @ queries[QUERY] * scale
    assert centred.key_side[place].item() == pytest.approx((shares[KEY] - shares.mean()).item(), rel=1e-3)


def test_an_induction_head_of_the_shipped_model_is_fed_by_the_previous_token_head():
    model = models.load("family-mha")
    stream = residual_stream(model, SAID)
    key = int(stream.run.pattern(2, 1)[-1, 1:].argmax()) + 1
    found = score_anatomy(model, stream, 2, 1, -1, key, centred=True)
    best = found.key_side.argsort(descending=True)[:2].tolist()
    assert [str(found.parts[place]) for place in best] == ["L1 H3", "L1 H0"]
    assert found.key_side[best].tolist() == pytest.approx([4.23, 0.46], abs=0.006)


def test_parts_are_named_in_the_order_in_which_they_were_written():
    found = score_anatomy(engine("llama gqa"), TEXT, 1, 0, 3, 2)
    heads = [f"L0 H{head}" for head in range(6)]
    assert [str(part) for part in found.parts] == ["embedding", *heads, "L0 MLP", "rest"]
    first = score_anatomy(engine("llama gqa"), TEXT, 0, 0, 3, 2)
    assert [str(part) for part in first.parts] == ["embedding", "rest"]


def test_a_single_key_stands_out_from_nothing():
    found = score_anatomy(engine("gpt2"), TEXT, 1, 0, 0, 0, centred=True)
    assert not found.key_side.any()
    assert found.score == 0


@pytest.mark.parametrize(
    "asked", [{"layer": 3}, {"head": 6}, {"head": -1}, {"query": 99}, {"key": -99}, {"query": 2, "key": 3}]
)
def test_what_is_not_there(asked: dict):
    given: dict[str, Any] = {"layer": 1, "head": 1, "query": 5, "key": 2}
    with pytest.raises(BadSelection) as told:
        score_anatomy(engine("gpt2"), TEXT, **given | asked)
    assert_sentence(str(told.value))


def test_no_hook_is_left_behind():
    parts = dict(engine("qwen3").module.named_modules())
    before = {path: len(part._forward_hooks) for path, part in parts.items()}
    score_anatomy(engine("qwen3"), TEXT, 1, 0, 3, 2)
    assert {path: len(part._forward_hooks) for path, part in parts.items()} == before
