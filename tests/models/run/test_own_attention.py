"""Models that a user loaded himself, of classes past transformers' registry: drawn as their eager attention has them."""

from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    FalconConfig,
    FalconForCausalLM,
    GPTNeoConfig,
    PreTrainedModel,
    RobertaConfig,
    RobertaForMaskedLM,
    RoFormerConfig,
    RoFormerForMaskedLM,
)

from models.errors import UnsupportedModel
from models.loading.loader import wrap
from models.look.capturing import capture, capture_inputs
from models.run.inputs import Encoded
from tests import tiny_models
from tests.sentences import assert_sentence

TEXT = "the cat sat on the mat"
FALCON: dict[str, Any] = {
    "vocab_size": 311,
    "hidden_size": 48,
    "num_attention_heads": 6,
    "num_hidden_layers": 2,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
KINDS: dict[str, dict[str, Any]] = {
    "multi-query": {"multi_query": True},
    "groups": {"new_decoder_architecture": True, "num_kv_heads": 2},
    "alibi": {"alibi": True, "multi_query": False},
}


def asked(implementation: str) -> dict[str, Any]:
    return {"attn_implementation": implementation}


def falcon(kind: str, implementation: str) -> PreTrainedModel:
    torch.manual_seed(0)
    made = FalconForCausalLM(FalconConfig(**FALCON, **KINDS[kind], **asked(implementation))).eval()
    assert made.config._attn_implementation == implementation
    return made


@pytest.mark.parametrize("kind", ["multi-query", "groups"])
def test_a_falcon_as_auto_model_gives_it_is_drawn_as_its_eager_attention_has_it(kind: str):
    tokenizer = tiny_models.byte_level_tokenizer()
    given, eager = falcon(kind, "sdpa"), falcon(kind, "eager")
    ids = tokenizer(TEXT, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        expected = eager(ids, output_attentions=True)
    model = wrap(given, tokenizer, "falcon")
    run = capture(model, TEXT)
    assert run.stacks == ("decoder",)
    for layer, pattern in enumerate(expected.attentions):
        assert (run.pattern(layer) - pattern[0]).abs().max() <= 1e-5
        assert pattern[0].triu(1).abs().max() == 0  # which an unmasked one would fail
    with torch.no_grad():
        assert (model.module(ids).logits - expected.logits).abs().max() <= 1e-5 * expected.logits.abs().max()


def test_where_transformers_two_ways_to_compute_one_class_differ_the_reader_is_told_what_to_load():
    """Falcon's linear biases weigh otherwise in its SDPA attention than in its eager one."""
    with pytest.raises(UnsupportedModel, match="attn_implementation="):
        wrap(falcon("alibi", "sdpa"))
    assert wrap(falcon("alibi", "eager")).plan.stacks == ("decoder",)


class MadeForOne(FalconForCausalLM):
    """Decides on its attention when it is made, as many classes do whose code comes with their weights."""

    def __init__(self, config: FalconConfig):
        super().__init__(config)
        self.shift = 0.5 if config._attn_implementation == "sdpa" else 0.0

    def forward(self, *given: Any, **named: Any) -> Any:
        output: Any = super().forward(*given, **named)
        if self.config._attn_implementation == "eager":
            output.logits = output.logits + self.shift
        return output


def test_a_class_whose_output_changes_with_the_switch_is_refused_by_name_and_left_as_it_was():
    module = MadeForOne(FalconConfig(**FALCON, **asked("sdpa")))
    with pytest.raises(UnsupportedModel, match="MadeForOne") as refused:
        wrap(module)
    assert_sentence(refused.value)
    assert module.config._attn_implementation == "sdpa"


class ReportsAnother(FalconForCausalLM):
    """Leaves the mask out when it reports."""

    def forward(self, *given: Any, **named: Any) -> Any:
        output: Any = super().forward(*given, **named)
        if named.get("output_attentions"):
            output.attentions = tuple(torch.full_like(one, 1 / one.shape[-1]) for one in output.attentions)
        return output


class ComputesAnother(ReportsAnother):
    def forward(self, *given: Any, **named: Any) -> Any:
        output: Any = super().forward(*given, **named)
        if named.get("output_attentions"):
            output.logits = output.logits.flip(1)
        return output


@pytest.mark.parametrize(
    ("kind", "why"), [(ReportsAnother, "no later token changes"), (ComputesAnother, "something else")]
)
def test_patterns_that_are_not_what_is_computed_are_refused_by_name(kind: type[PreTrainedModel], why: str):
    with pytest.raises(UnsupportedModel, match=f"{kind.__name__} .*{why}") as refused:
        wrap(kind(FalconConfig(**FALCON, **asked("eager"))))
    assert_sentence(refused.value)


SMALL: dict[str, Any] = {
    "vocab_size": 131,
    "hidden_size": 24,
    "num_attention_heads": 3,
    "intermediate_size": 28,
}


def test_an_encoder_past_the_registry_may_look_ahead():
    neo = GPTNeoConfig(
        vocab_size=131, hidden_size=24, num_heads=3, num_layers=2, attention_types=[[["global", "local"], 1]]
    )
    assert wrap(AutoModelForCausalLM.from_config(neo)).plan.stacks == ("decoder",)
    assert wrap(RoFormerForMaskedLM(RoFormerConfig(num_hidden_layers=2, **SMALL))).plan.stacks == ("encoder",)


def test_what_is_wrapped_takes_as_many_tokens_as_what_is_loaded():
    config = RobertaConfig(num_hidden_layers=1, max_position_embeddings=20, **SMALL)
    model = wrap(RobertaForMaskedLM(config))
    assert model.geometry.context == 18
    ids = torch.full((1, 18), 7)
    capture_inputs(
        model, Encoded({"input_ids": ids}, {"text": tuple(ids[0].tolist())}, {"text": ("a",) * 18})
    )
