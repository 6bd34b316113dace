"""Text decoders of models that also see images are loaded by themselves; the whole models are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import FuyuConfig
from transformers.models.glm5_next.configuration_glm5_next import Glm5NextConfig
from transformers.models.mistral_large4.configuration_mistral_large4 import MistralLarge4Config

import models
from models.errors import BadSelection, UnsupportedModel
from models.shape.architecture import architecture
from tests import tiny_models
from tests.models.engine_models import TEXT, assert_near
from tests.models.latent_models import OTHERS
from tests.sentences import assert_sentence


@pytest.mark.parametrize("name", OTHERS)
def test_loaded_from_a_folder(name: str, tmp_path: Path):
    model_class, config_class, settings = OTHERS[name]
    torch.manual_seed(4)
    tokenizer = tiny_models.byte_level_tokenizer()
    ends = {"vocab_size": len(tokenizer), "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    module = model_class._from_config(config_class(**settings | ends), attn_implementation="eager").eval()
    model = models.load(str(tiny_models.save(module, tokenizer, tmp_path / name)), "cpu", "float32")
    shape = model.geometry
    assert (shape.kind, shape.role, shape.layers, shape.heads, shape.kv_lora_rank) == (
        "mla", "decoder", 3, 6, 20,
    )  # fmt: skip
    run = models.capture(model, TEXT)
    ids: Any = tokenizer(TEXT, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        kept = module(ids, use_cache=True).past_key_values.layers
    for layer in range(run.layers()):
        assert run.has_latents(layer)
    first = len(kept) - run.layers()  # GLM 5 Next begins with linear attention
    assert_near(run.kv_latent(0), kept[first].keys[0, 0])
    assert run.pattern(1).shape == (6, ids.shape[1], ids.shape[1])
    if name == "mistral4":
        assert models.token_loss(model, TEXT)[1:].isfinite().all()
        assert models.cache_bytes(models.new_cache(model)).used == 0  # pyright: ignore[reportArgumentType]
    else:
        with pytest.raises(BadSelection, match="no language head") as refused:
            models.token_loss(model, TEXT)
        assert_sentence(refused.value)


@pytest.mark.parametrize("config", [MistralLarge4Config(), Glm5NextConfig(), FuyuConfig()])
def test_whole_models_are_refused(config: Any):
    with pytest.raises(UnsupportedModel, match="images") as refused:
        architecture(config)
    assert_sentence(refused.value)
