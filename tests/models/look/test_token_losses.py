"""Loss per token: transformers' own loss and logits are the measure."""

import sys
from copy import deepcopy
from typing import Any, cast

import pytest
import torch
from transformers import PreTrainedModel

import models
from models import BadSelection, BadText, TextTooLong, token_loss
from models.loading.loader import wrap
from models.run.inputs import encode
from models.run.model import demand_tokenizer
from tests.models.engine_models import TEXT, assert_near, engine, fresh, stock, stock_output, tokenizer
from tests.sentences import assert_sentence

DECODERS = ["gpt2", "llama gqa", "gemma2", "deepseek_v3", "falcon"]


def stock_losses(name: str, module: PreTrainedModel | None = None) -> torch.Tensor:
    """Minus the logarithm of the softmax at the token that came, from transformers' own eager logits in float64."""
    ids = tokenizer("causal")(TEXT)["input_ids"]
    logits = stock_output(name, TEXT, module).logits[0].double()
    chosen = torch.log_softmax(logits, -1)[range(len(ids) - 1), ids[1:]]
    return -chosen.float()


@pytest.mark.parametrize("name", DECODERS)
def test_each_token_as_transformers_logits_say(name: str):
    losses = token_loss(engine(name), TEXT)
    assert losses.dtype == torch.float32
    assert losses[0].isnan()  # nothing stands before the first token
    assert_near(losses[1:], stock_losses(name))


@pytest.mark.parametrize("name", DECODERS)
def test_the_mean_is_transformers_own_loss(name: str):
    given = tokenizer("causal")(TEXT, return_tensors="pt")
    with torch.no_grad():
        expected = cast(Any, stock(name))(input_ids=given["input_ids"], labels=given["input_ids"]).loss
    assert token_loss(engine(name), TEXT)[1:].mean().item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_head_switched_off_is_a_head_whose_part_of_the_output_projection_is_zero():
    name, layer, head = "llama gqa", 1, 4
    changed = deepcopy(stock(name))
    width = engine(name).geometry.d_head
    weight = cast(Any, changed).model.layers[layer].self_attn.o_proj.weight
    with torch.no_grad():
        weight[:, head * width : (head + 1) * width] = 0
    expected = stock_losses(name, changed)
    assert (expected - stock_losses(name)).abs().max() > 0.01
    assert_near(token_loss(engine(name), TEXT, heads_off=[(layer, head)])[1:], expected)
    assert_near(token_loss(engine(name), TEXT)[1:], stock_losses(name))  # for that one pass alone


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch):
    whole = token_loss(engine("gpt2"), TEXT)
    monkeypatch.setattr(
        sys.modules["models.look.token_losses"], "BLOCK", 3
    )  # models.token_loss is the function
    assert_near(token_loss(engine("gpt2"), TEXT)[1:], whole[1:])


def test_an_encoded_text_and_a_cut_one():
    model = engine("gpt2")
    whole = token_loss(model, TEXT)
    assert_near(token_loss(model, encode(model, TEXT))[1:], whole[1:])
    assert_near(token_loss(model, TEXT, max_tokens=5)[1:], whole[1:5])
    assert len(token_loss(model, "cat " * 90, max_tokens=512)) == 64  # the model's context


def test_a_single_token_has_nothing_to_be_foreseen_from():
    losses = token_loss(engine("gpt2"), TEXT, max_tokens=1)
    assert losses.shape == (1,)
    assert losses.isnan().all()


@pytest.mark.real
def test_the_real_default_model(smollm2: models.AttentionModel):
    text = "The capital of France is Paris, and the capital of Italy is Rome."
    given = demand_tokenizer(smollm2)(text, return_tensors="pt")["input_ids"]
    expected = smollm2.module(input_ids=given, labels=given).loss.item()
    assert token_loss(smollm2, text)[1:].mean().item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["bert", "xlnet", "bart"])
def test_what_does_not_predict_the_next_token(name: str):
    with pytest.raises(BadSelection, match="choose a decoder") as error:
        token_loss(engine(name), "the cat")
    assert_sentence(error.value)


def test_a_body_without_a_language_head():
    body = cast(PreTrainedModel, fresh("gpt2").module.base_model)
    with pytest.raises(BadSelection, match="no language head") as error:
        token_loss(wrap(body, tokenizer("causal"), "Body"), TEXT)
    assert_sentence(error.value)


def test_heads_that_cannot_be_switched_off():
    with pytest.raises(BadSelection, match="cannot be switched off"):
        token_loss(engine("gpt2"), TEXT, heads_off=[(0, 99)])
    with pytest.raises(BadSelection, match="single heads cannot be"):
        token_loss(engine("falcon"), TEXT, heads_off=[(0, 0)])


def test_bad_texts():
    for text, expected in (("  ", BadText), ("\udc00", BadText), ("cat " * 90, TextTooLong)):
        with pytest.raises(expected):
            token_loss(engine("gpt2"), text)
