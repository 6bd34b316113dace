"""One rule for a pass without a cache, on classes of every kind."""

import pytest
import torch

from models.look.capturing import encode_for
from models.run.forward_pass import forward_pass
from tests.models.engine_models import SOURCE, TARGET, TEXT, assert_near, engine, stock

NAMES = ("llama gqa", "gpt2", "bert", "t5", "deepseek_v3")


@pytest.mark.parametrize("name", NAMES)
def test_no_cache_is_made_and_the_numbers_are_transformers_own(name: str):
    model = engine(name)
    paired = model.geometry.role == "encoder-decoder"
    given = encode_for(model, source=SOURCE, target=TARGET) if paired else encode_for(model, TEXT)
    output = forward_pass(model.module, given.inputs)
    assert getattr(output, "past_key_values", None) is None
    assert not output.logits.requires_grad
    with torch.no_grad():
        whole = stock(name)(**given.inputs)
    assert_near(output.logits, whole.logits)
    last = forward_pass(model.module, given.inputs, last_only=True).logits
    assert_near(last[:, -1], whole.logits[:, -1])


def test_only_the_last_position_where_a_class_can_be_asked_so():
    model = engine("llama gqa")
    assert forward_pass(model.module, encode_for(model, TEXT).inputs, last_only=True).logits.shape[1] == 1
