"""A converted model's cache takes tokens back, as writing by guesses needs: what is written is what it writes without."""

from typing import Any

import pytest
import torch
from transformers import MistralConfig, MistralForCausalLM, PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

import models
from tests import tiny_models

SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "vocab_size": 311,
}
WINDOWED = {"use_sliding_window": True, "max_window_layers": 1}
SOURCES: dict[str, PreTrainedModel] = {
    "every layer, left behind": MistralForCausalLM(MistralConfig(sliding_window=7, **SIZES)),
    "every layer, never full": MistralForCausalLM(MistralConfig(sliding_window=100, **SIZES)),
    "one layer": Qwen2ForCausalLM(Qwen2Config(sliding_window=7, **WINDOWED, **SIZES)),
    "no layer": MistralForCausalLM(MistralConfig(sliding_window=None, **SIZES)),
}


@pytest.mark.parametrize("windows", SOURCES)
def test_guessing_the_next_tokens_changes_nothing(windows: str):
    source = models.wrap(SOURCES[windows], tiny_models.byte_level_tokenizer(), "source")
    module: Any = models.convert_to_mla(source, 20).module
    ids = torch.tensor([[5, 6, 7, 8, 9] * 4])
    asked: dict[str, Any] = {
        "max_new_tokens": 24,
        "min_new_tokens": 24,
        "do_sample": False,
        "pad_token_id": 0,
    }
    plain = module.generate(ids, **asked)
    assert plain.shape[1] > 30
    assert torch.equal(module.generate(ids, prompt_lookup_num_tokens=3, **asked), plain)
