"""What a head writes, in tokens."""

from typing import Any

import pytest
import torch

from models import BadSelection
from models.why.logit_split import contributions
from models.why.residual_stream import residual_stream
from models.why.written_tokens import writes
from tests.models.engine_models import TEXT, engine, stock, tokenizer
from tests.models.why.by_hand import CLASSES, by_hand
from tests.sentences import assert_sentence


@pytest.mark.parametrize("name", ["gpt2", "llama gqa", "gemma2", "olmo2", "granite", "cohere", "deepseek_v3"])
def test_tokens_are_those_that_its_contributions_name(name: str):
    model = engine(name)
    stream = residual_stream(model, TEXT)
    found = writes(model, stream, 1, 3, position=6, k=4)
    for lift in (*found.raises, *found.lowers):
        split = contributions(model, stream, token=lift.token_id, against="mean", position=6)
        assert lift.logits == pytest.approx(split.heads[1, 3].item(), rel=1e-4, abs=1e-6)
    raised = [lift.logits for lift in found.raises]
    lowered = [lift.logits for lift in found.lowers]
    assert raised == sorted(raised, reverse=True)
    assert lowered == sorted(lowered)
    assert lowered[-1] < 0 < raised[-1]


@pytest.mark.parametrize("name", ["gpt2", "gemma2"])
def test_no_other_token_is_raised_or_lowered_more(name: str):
    model, ids = engine(name), torch.tensor([tokenizer("causal")(TEXT)["input_ids"]])
    found = writes(model, TEXT, 2, 1, position=-1, k=1)
    every = [
        by_hand(stock(name), CLASSES[name], ids, 6, token, -1).heads[2, 1].item()
        for token in range(0, 311, 7)
    ]
    best = by_hand(stock(name), CLASSES[name], ids, 6, found.raises[0].token_id, -1).heads[2, 1].item()
    worst = by_hand(stock(name), CLASSES[name], ids, 6, found.lowers[0].token_id, -1).heads[2, 1].item()
    assert worst <= min(every) < max(every) <= best
    assert best - worst == pytest.approx(found.raises[0].logits - found.lowers[0].logits, rel=1e-4)


def test_length_of_what_is_written():
    found = writes(engine("llama gqa"), TEXT, 1, 3, position=6)
    seen = []
    projection: Any = stock("llama gqa").get_submodule("model.layers.1.self_attn.o_proj")
    hook = projection.register_forward_pre_hook(lambda _, args: seen.append(args[0][0, 6]))
    stock("llama gqa")(torch.tensor([tokenizer("causal")(TEXT)["input_ids"]]))
    hook.remove()
    expected = projection.weight[:, 30:40] @ seen[0][30:40]
    assert found.norm == pytest.approx(expected.norm().item(), rel=1e-5)


@pytest.mark.parametrize(
    "asked",
    [{"head": 6}, {"head": -1}, {"layer": 3}, {"layer": -1}, {"position": 99}, {"k": 0}],
)
def test_what_is_not_there(asked: dict):
    with pytest.raises(BadSelection) as told:
        writes(engine("gpt2"), TEXT, **{"layer": 1, "head": 1} | asked)
    assert_sentence(str(told.value))
