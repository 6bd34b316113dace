"""The logit lens, against transformers' own hidden states read by its own norm and head."""

from typing import Any

import pytest
import torch
from torch import nn

from models import BadSelection
from models.why.layer_lens import lens
from tests.models.engine_models import TEXT, assert_near, engine, stock, stock_output, tokenizer
from tests.models.why.by_hand import CLASSES
from tests.sentences import assert_sentence


@torch.no_grad()
def by_transformers(name: str) -> torch.Tensor:
    """Logits [row, pos, vocab] of every hidden state but the last, which transformers has normed, and of the whole model."""
    module: Any = stock(name)
    ids = torch.tensor([tokenizer("causal")(TEXT)["input_ids"]])
    states = nn.Module.__call__(module, ids, use_cache=False, output_hidden_states=True).hidden_states
    names = CLASSES[name]
    norm, head = module.get_submodule(names.final), module.get_submodule(names.head)
    scale = 1.0 if names.logits is None else getattr(module.config, names.logits[0]) ** names.logits[1]
    rows = [head(norm(state[0])) * scale for state in states[:-1]]
    cap = getattr(module.config, "final_logit_softcapping", None)
    rows = [row if cap is None else (row / cap).tanh() * cap for row in rows]
    return torch.stack([*rows, stock_output(name).logits[0]])


@pytest.mark.parametrize("name", ["gpt2", "llama gqa", "gemma2", "olmo2", "gpt_neox", "cohere", "granite"])
def test_every_row_is_what_transformers_hidden_state_says(name: str):
    expected = by_transformers(name).softmax(-1)
    found = lens(engine(name), TEXT, k=3)
    assert found.positions == tuple(range(expected.shape[1]))
    assert_near(found.top_probabilities, expected.topk(3).values, 1e-4)
    assert_near(expected.gather(-1, found.top_ids), found.top_probabilities, 1e-4)
    assert_near(found.entropy, -(expected * expected.log()).sum(-1), 1e-4)
    answers = expected[-1].argmax(-1)
    assert torch.equal(found.answer_ids, answers)
    own = expected[..., answers].diagonal(dim1=1, dim2=2)
    assert_near(found.answer_probability, own, 1e-4)
    assert torch.equal(found.answer_rank, (expected > own[..., None]).sum(-1))
    assert not found.answer_rank[-1].any()


def test_where_the_answer_takes_the_lead():
    found = lens(engine("gpt2"), TEXT)
    for place in range(len(found.positions)):
        row = found.leads_from(place)
        assert not found.answer_rank[row:, place].any()
        assert row == 0 or found.answer_rank[row - 1, place] > 0


def test_positions_are_those_asked_for_in_their_order():
    whole, found = lens(engine("gpt2"), TEXT, k=2), lens(engine("gpt2"), TEXT, [-1, 3], k=2)
    last = len(whole.positions) - 1
    assert found.positions == (last, 3)
    assert torch.equal(found.top_ids, whole.top_ids[:, [last, 3]])
    assert [one.token_id for one in found.top(2, 1)] == whole.top_ids[2, 3].tolist()
    assert found.top(2, 1)[0].token == tokenizer("causal").decode([int(whole.top_ids[2, 3, 0])])


@pytest.mark.parametrize("asked", [{"positions": [99]}, {"positions": []}, {"k": 0}, {"k": 999}])
def test_what_is_not_there(asked: dict):
    with pytest.raises(BadSelection) as told:
        lens(engine("gpt2"), TEXT, **asked)
    assert_sentence(str(told.value))
