"""What each part gave to a logit: against hooks on transformers' own modules, and against the model's own logits."""

from dataclasses import replace
from typing import Any

import pytest
import torch

import models
from models import BadSelection, UnsupportedModel
from models.loading.loader import wrap
from models.why.logit_split import contributions
from models.why.residual_stream import residual_stream
from models.why.written_tokens import writes
from tests.models.engine_models import ROWS, TEXT, assert_near, engine, fresh, stock, stock_output, tokenizer
from tests.models.why.by_hand import CLASSES, ByHand, by_hand
from tests.models.zoo import build
from tests.sentences import assert_sentence

SAID = "When Mary and John went to the store, John gave a drink to Mary. When Mary and John went to the park, John gave "
SAID += "a flower to"
SPLIT = [
    "gpt2 inverse layer", "gpt_bigcode mqa", "opt", "biogpt", "stablelm", "persimmon", "mistral",
    "ministral", "qwen2_moe", "qwen3_moe", "gemma", "vaultgemma", "phi3", "phimoe",
    "olmo", "olmo3", "olmoe", "gpt_oss", "granitemoe", "cohere2", "smollm3",
    "glm", "glm4", "helium", "nemotron", "exaone4", "dbrx", "nanochat",
    "llama4_text", "minicpm3", "deepseek_v32", "kimi_linear", "lfm2", "nemotron_h",
]  # fmt: skip
REFUSED = [
    "bert decoder",
    "diffllama",
    "bitnet",
    "afmoe",
    "doge",
    "longcat_flash",
    "falcon_h1",
    "zamba2",
    "qwen3_next",
]


def hooked(name: str, token: int, place: int, less: int | None = None) -> ByHand:
    ids = torch.tensor([tokenizer("causal")(TEXT)["input_ids"]])
    heads = ROWS[name].stacks["decoder"][0]
    return by_hand(stock(name), CLASSES[name], ids, heads, token, place, less)


@pytest.mark.parametrize("name", CLASSES)
def test_parts_are_those_of_a_plain_hook_loop(name: str):
    found = contributions(engine(name), TEXT, token=17, position=5)
    expected = hooked(name, 17, 5)
    assert_near(found.heads, expected.heads, 1e-4)
    assert_near(found.mlps, expected.mlps, 1e-4)
    parts = torch.tensor([found.embedding, found.rest, found.logit])
    assert_near(parts, torch.tensor([expected.embedding, expected.biases, expected.logit]), 1e-4)


@pytest.mark.parametrize("name", CLASSES)
def test_difference_of_two_logits(name: str):
    found = contributions(engine(name), TEXT, token=17, against=23)
    expected = hooked(name, 17, -1, 23)
    assert_near(found.heads, expected.heads, 1e-4)
    parts = torch.tensor([found.embedding, found.rest, found.logit])
    assert_near(parts, torch.tensor([expected.embedding, expected.biases, expected.logit]), 1e-4)
    assert found.total == pytest.approx(found.logit, abs=1e-4 * found.heads.abs().max().item())


SCALED = {
    "granite": {"residual_multiplier": 0.3, "logits_scaling": 4.0, "embedding_multiplier": 3.0},
    "cohere": {"logit_scale": 0.25},
}


@pytest.mark.parametrize("name", SCALED)
def test_scaled_residuals_and_logits(name: str):
    own = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0, "vocab_size": len(tokenizer("causal"))}
    row = replace(ROWS[name], config=ROWS[name].config | own | SCALED[name])
    ids = torch.tensor([tokenizer("causal")(TEXT)["input_ids"]])
    expected = by_hand(build(row), CLASSES[name], ids, 6, 17, 5)
    model = wrap(build(row), tokenizer("causal"), name="Scaled")
    found = contributions(model, TEXT, token=17, position=5)
    assert_near(found.heads, expected.heads, 1e-4)
    assert_near(found.mlps, expected.mlps, 1e-4)
    assert found.total == pytest.approx(expected.logit, abs=1e-4 * found.heads.abs().max().item())
    lifts = writes(model, TEXT, 1, 2, position=5, k=311).raises
    by_token = {lift.token_id: lift.logits for lift in lifts}
    other = by_hand(build(row), CLASSES[name], ids, 6, 23, 5).heads[1, 2]
    assert by_token[17] - by_token[23] == pytest.approx((expected.heads[1, 2] - other).item(), rel=1e-3)


@pytest.mark.parametrize("name", [*CLASSES, *SPLIT])
def test_parts_add_up_to_the_models_own_logit(name: str):
    own = stock_output(name).logits[0]
    stream = residual_stream(engine(name), TEXT)
    cap = getattr(stock(name).config, "final_logit_softcapping", None)
    before_cap = own if cap is None else torch.atanh((own / cap).double()).float() * cap
    scale = before_cap.abs().max().item()
    for place in (0, 7, -1):
        for against in (None, "mean"):
            found = contributions(engine(name), stream, token=31, against=against, position=place)
            row = before_cap[place]
            expected = row[31] - (0 if against is None else row.mean())
            assert found.total == pytest.approx(expected.item(), abs=1e-4 * scale)
            assert found.logit == pytest.approx(expected.item(), abs=1e-4 * scale)


@pytest.mark.parametrize("name", ["gpt2", "llama gqa", "gemma2", "deepseek_v3", "gpt_oss"])
def test_sources_are_the_heads_split_over_the_tokens_that_they_read(name: str):
    found = contributions(engine(name), TEXT, position=6)
    assert_near(found.sources.sum(-1), found.heads)
    assert not found.sources[..., 7:].any(), "nothing comes from tokens that are not seen yet"
    assert (found.sources[..., :7].abs().sum((0, 1)) > 0).all()


def test_sources_by_hand():
    """One source of one head: its weight times what the head writes of that token alone."""
    run = models.capture(engine("llama gqa"), TEXT)
    found = contributions(engine("llama gqa"), run, token=17, position=6)
    module: Any = stock("llama gqa")
    output = stock_output("llama gqa").attentions[1][0, 4, 6, 3]
    value = run.value(1, 4)[3]
    matrix = module.get_submodule("model.layers.1.self_attn.o_proj").weight[:, 40:50]
    end = residual_stream(engine("llama gqa"), run).blocks[-1].after[6]
    norm = module.get_submodule("model.norm")
    row = module.get_submodule("lm_head").weight[17] * norm.weight / (end.square().mean() + 1e-6).sqrt()
    assert found.sources[1, 4, 3].item() == pytest.approx((output * (matrix @ value) @ row).item(), rel=1e-4)


def test_shipped_model_on_the_default_text():
    model = models.load("family-mha")
    found = contributions(model, SAID, " Mary", " John")
    assert found.logit == pytest.approx(5.51823, abs=2e-4)
    assert found.total == pytest.approx(5.51823, abs=2e-4)
    assert (found.token.token, found.note) == (" Mary", "")


def test_what_the_model_says_is_asked_about_where_nothing_is_named():
    expected = stock_output("gpt2").logits[0, 4].argmax().item()
    assert contributions(engine("gpt2"), TEXT, position=4).token.token_id == expected


def test_a_text_a_run_and_a_stream_give_the_same():
    model = engine("gemma2")
    stream = residual_stream(model, TEXT)
    expected = contributions(model, stream)
    for text in (TEXT, models.capture(model, TEXT), stream):
        found = contributions(model, text)
        assert torch.equal(found.heads, expected.heads)
        assert found.logit == expected.logit


def test_layers_with_different_numbers_of_heads():
    model = models.remove_heads(engine("llama mha"), [(1, 2), (1, 4)])
    found = contributions(model, TEXT)
    assert found.heads.isnan().sum() == 2
    assert found.total == pytest.approx(found.logit, rel=1e-4)


def test_a_layer_without_heads_is_rest():
    model = models.remove_heads(engine("llama mha"), [(1, head) for head in range(6)])
    found = contributions(model, TEXT)
    assert found.heads.shape == (2, 6)
    assert found.total == pytest.approx(found.logit, rel=1e-4)


def test_a_text_of_one_token():
    found = contributions(engine("llama gqa"), "a")
    assert found.total == pytest.approx(found.logit, rel=1e-4)
    assert found.sources.shape == (3, 6, 1)


# --- what cannot be asked -----------------------------------------------------------------------------------------------


def test_of_several_tokens_the_first_is_meant_and_said():
    found = contributions(engine("llama gqa"), TEXT, token="Mary store")
    assert "first of them" in found.note
    assert "Mary store" in found.note
    assert found.token.token_id == tokenizer("causal")("Mary store")["input_ids"][0]
    assert_sentence(found.note)


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"token": 311}, "311"),
        ({"token": -1}, "-1"),
        ({"token": ""}, "another token"),
        ({"token": 1.5}, "1.5"),
        ({"against": 9999}, "9999"),
        ({"position": 99}, "Position 99"),
        ({"position": -99}, "Position -99"),
        ({"position": "last"}, "last"),
    ],
)
def test_what_is_not_there(asked: dict, named: str):
    with pytest.raises(BadSelection, match=named) as told:
        contributions(engine("gpt2"), TEXT, **asked)
    assert_sentence(str(told.value))


@pytest.mark.parametrize("name", ["bert", "t5", "falcon"])
def test_models_that_are_no_decoders_on_the_registry(name: str):
    with pytest.raises(BadSelection) as told:
        contributions(engine(name), TEXT)
    assert_sentence(str(told.value))


@pytest.mark.parametrize("name", REFUSED)
def test_classes_that_do_not_add_up_are_refused_by_name(name: str):
    with pytest.raises(UnsupportedModel, match=type(stock(name)).__name__) as told:
        contributions(engine(name), TEXT)
    assert_sentence(str(told.value))


def test_a_run_of_another_model_or_with_heads_off():
    with pytest.raises(BadSelection, match="Llama gqa"):
        contributions(engine("gpt2"), models.capture(engine("llama gqa"), TEXT))
    with pytest.raises(BadSelection, match="switched off"):
        contributions(engine("gpt2"), models.capture(engine("gpt2"), TEXT, heads_off=[(0, 1)]))


def test_no_hook_is_left_behind():
    model = fresh("llama gqa")
    before = {path: len(part._forward_hooks) for path, part in model.module.named_modules()}
    contributions(model, TEXT)
    assert {path: len(part._forward_hooks) for path, part in model.module.named_modules()} == before
