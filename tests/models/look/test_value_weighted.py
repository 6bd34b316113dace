"""Value-weighted attention and rollout, against the stock model's own weights and a case worked out by hand."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models import BadSelection, Capture, capture
from models.run.records import FinishedPatterns, LayerRecord
from tests.models.engine_models import SOURCE, TARGET, TEXT, assert_near, engine, stock, tokenizer
from tests.sentences import assert_sentence


@dataclass(frozen=True)
class Layer:
    """Where layer 1 of a class makes its values and reads its heads.

    values, output: names of the linear layers; GPT-2's first makes queries and keys too.
    """

    values: str
    output: str
    stack: str | None = None


LAYERS = {
    "gpt2": Layer("transformer.h.1.attn.c_attn", "transformer.h.1.attn.c_proj"),
    "llama gqa": Layer("model.layers.1.self_attn.v_proj", "model.layers.1.self_attn.o_proj"),
    "gemma2": Layer("model.layers.1.self_attn.v_proj", "model.layers.1.self_attn.o_proj"),
    "gpt_oss": Layer("model.layers.1.self_attn.v_proj", "model.layers.1.self_attn.o_proj"),
    "bert": Layer("bert.encoder.layer.1.attention.self.value", "bert.encoder.layer.1.attention.output.dense"),
    "bart": Layer(
        "model.decoder.layers.1.encoder_attn.v_proj",
        "model.decoder.layers.1.encoder_attn.out_proj",
        stack="cross",
    ),
}


@cache
def run_of(name: str) -> Capture:
    if name == "bart":
        return capture(engine(name), source=SOURCE, target=TARGET)
    return capture(engine(name), TEXT)


def projection(name: str, path: str) -> tuple[Tensor, Tensor]:
    """Weight as [head * d_value, d_model] and bias [d_model] of the stock model; GPT-2 alone stores it that way."""
    tensors = dict(stock(name).named_parameters())
    weight = tensors[f"{path}.weight"]
    weight = weight if name == "gpt2" else weight.T
    return weight, tensors.get(f"{path}.bias", torch.zeros(weight.shape[1]))


@cache
def from_weights(name: str) -> tuple[Tensor, Tensor, Tensor]:
    """From the stock model: each head's write before it is added up [head, query, key, d_model], the attention
    block's bias [d_model], and its output [query, d_model]."""
    layer, made = LAYERS[name], {}

    def keep(label: str):
        return lambda module, args, output: made.__setitem__(label, output[0])

    module = stock(name)
    hooks = [
        module.get_submodule(layer.values).register_forward_hook(keep("values")),
        module.get_submodule(layer.output).register_forward_hook(keep("output")),
    ]
    run = run_of(name)
    axis = "text" if "text" in run.ids else "source"
    given = {"input_ids": torch.tensor([run.ids[axis]])}
    if axis == "source":
        given["decoder_input_ids"] = torch.tensor([run.ids["target"]])
    with torch.no_grad():
        answer: Any = nn.Module.__call__(module, **given, output_attentions=True)
    for hook in hooks:
        hook.remove()
    pattern = answer["cross_attentions" if layer.stack else "attentions"][1][0]
    values = made["values"][:, -48:] if name == "gpt2" else made["values"]
    weight, bias = projection(name, layer.output)
    heads, width = len(pattern), weight.shape[0] // len(pattern)
    values = values.view(len(values), -1, width).transpose(0, 1)
    values = values.repeat_interleave(heads // len(values), dim=0)
    written = values @ weight.view(heads, width, -1)
    return torch.einsum("hqk,hkd->hqkd", pattern, written), bias, made["output"]


@pytest.mark.parametrize("name", [*LAYERS])
def test_the_norm_of_what_each_key_writes(name):
    writes, _, _ = from_weights(name)
    for head in range(len(writes)):
        found = run_of(name).value_weighted(1, head, LAYERS[name].stack)
        assert_near(found, writes[head].norm(dim=-1))


@pytest.mark.parametrize("name", [*LAYERS])
def test_all_writes_together_are_the_output_of_the_block(name):
    """So the writes are whole: nothing else reaches the residual stream from here but the bias."""
    writes, bias, output = from_weights(name)
    assert_near(writes.sum((0, 2)) + bias, output)


@pytest.mark.parametrize("name", [*LAYERS])
def test_values_and_patterns_of_the_capture_write_the_same(name):
    layer, run = LAYERS[name], run_of(name)
    writes, _, _ = from_weights(name)
    weight, _ = projection(name, layer.output)
    for head in range(len(writes)):
        value = run.value(1, head, layer.stack)
        block = weight[head * value.shape[1] : (head + 1) * value.shape[1]]
        assert_near(run.pattern(1, head, layer.stack) @ value @ block, writes[head].sum(1))


def test_a_latent_model_writes_from_its_expanded_values():
    """Values 14 wide beside keys 16 wide."""
    run, path = capture(engine("deepseek_v3"), TEXT), "model.layers.1.self_attn.o_proj"
    weight, _ = projection("deepseek_v3", path)
    assert (run.key(1, 2).shape[1], run.value(1, 2).shape[1]) == (16, 14)
    expected = run.pattern(1, 2) * (run.value(1, 2) @ weight[28:42]).norm(dim=-1)
    assert_near(run.value_weighted(1, 2), expected)


@pytest.mark.parametrize("name", ["diffllama", "falcon"])
def test_where_heads_have_no_write_of_their_own(name):
    with pytest.raises(BadSelection) as error:
        capture(engine(name), TEXT).value_weighted(0, 0)
    assert_sentence(error.value)


def with_patterns(*layers: Tensor) -> Capture:
    """A capture of finished patterns, [head, query, key] a layer."""
    count = layers[0].shape[-1]
    return Capture(
        geometry=engine("gpt2").geometry,
        layers_of={"decoder": tuple(LayerRecord(FinishedPatterns(layer)) for layer in layers)},
        ids={"text": tuple(range(count))},
        token_strings={"text": tuple("abcdefg"[:count])},
        predictions=torch.zeros(0, 0),
        places=(),
        vocabulary=lambda ids: (),
    )


def test_rollout_by_hand():
    """Two heads a layer, two layers: A1 = [[1, 0], [.5, .5]], A2 = [[1, 0], [.75, .25]]; (A2 + I)/2 (A1 + I)/2."""
    first = torch.tensor([[[1.0, 0], [1, 0]], [[1, 0], [0, 1]]])
    second = torch.tensor([[[1.0, 0], [0.5, 0.5]], [[1, 0], [1, 0]]])
    rolled = with_patterns(first, second).rollout()
    # (A1 + I)/2 = [[1, 0], [.25, .75]]; (A2 + I)/2 = [[1, 0], [.375, .625]]
    torch.testing.assert_close(rolled, torch.tensor([[1, 0], [0.375 + 0.625 * 0.25, 0.625 * 0.75]]))


def test_the_order_of_layers_matters_to_rollout():
    step = torch.tensor([[[1.0, 0, 0], [1, 0, 0], [0, 0, 1]]])
    jump = torch.tensor([[[1.0, 0, 0], [0, 1, 0], [0, 1, 0]]])
    assert (
        with_patterns(step, jump).rollout()[2, 0] == 0.25
    )  # third looks at second, which holds the first by then
    assert with_patterns(jump, step).rollout()[2, 0] == 0


@pytest.mark.parametrize("name", ["gpt2", "gpt_oss", "bert", "falcon"])
def test_rollout_of_a_model(name):
    run = capture(engine(name), TEXT)
    rolled = run.rollout()
    torch.testing.assert_close(rolled.sum(-1), torch.ones(len(run.tokens)))
    expected = torch.eye(len(run.tokens))
    for layer in range(run.layers()):
        mean = run.pattern(layer).mean(0)
        mean = mean / mean.sum(-1, keepdim=True)
        expected = (mean + torch.eye(len(mean))) / 2 @ expected
    torch.testing.assert_close(rolled, expected)


def test_value_weighted_needs_the_models_own_tokens():
    """The first token draws attention and writes little: the two views differ, or the switch would show nothing."""
    run = run_of("gpt2")
    weighted = run.value_weighted(1, 3)
    shares = weighted / weighted.sum(-1, keepdim=True)
    assert (shares - run.pattern(1, 3)).abs().max() > 0.01
    assert tokenizer("causal").decode(list(run.ids["text"])) == TEXT
