"""Converted models against the models they came from, as transformers runs them."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    DynamicCache,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
)

import models
from models.conversion.convert import LatentSpectra, convert_to_mla, latent_spectra
from models.conversion.latent_cache import cache_bytes
from models.conversion.ranks import full_rank
from models.loading.loader import wrap
from models.loading.saved_folder import save
from models.run.model import AttentionModel, demand_tokenizer
from models.shape.cache_size import cache_bytes_per_token
from tests import tiny_models
from tests.models.engine_models import assert_near, assert_same_weights
from tests.sentences import assert_sentence

LAYERS, HEADS, D_HEAD, D_MODEL = 3, 6, 10, 42
CLASSES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "llama": (LlamaForCausalLM, LlamaConfig, {}),
    "llama with biases": (LlamaForCausalLM, LlamaConfig, {"attention_bias": True, "mlp_bias": True}),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config, {}),
    "qwen2 with windows": (
        Qwen2ForCausalLM,
        Qwen2Config,
        {"use_sliding_window": True, "sliding_window": 7, "max_window_layers": 1},
    ),
    "mistral": (MistralForCausalLM, MistralConfig, {"sliding_window": None}),
    "mistral with a window": (MistralForCausalLM, MistralConfig, {"sliding_window": 7}),
}
KV_HEADS = {"mqa": 1, "gqa": 2, "mha": 6}
WORDS = "a cat and a dog went to the store of Mary, and John gave one two three four drinks to 12 of them; "
TEXT = WORDS * 5


def module(name: str, kv_heads: int = 2, **more: Any) -> PreTrainedModel:
    """A random model whose attention is far from uniform and whose biases and norms are not at rest."""
    model_class, config_class, extra = CLASSES[name]
    vocabulary = len(tiny_models.byte_level_tokenizer())
    shape: dict[str, Any] = {
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": kv_heads,
        "head_dim": D_HEAD,
        "hidden_size": D_MODEL,
        "intermediate_size": 37,
        "vocab_size": vocabulary,
        "max_position_embeddings": 128,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "pad_token_id": 0,
    }
    made = model_class(config_class(**shape | extra | more)).eval()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for path, weight in made.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            if weight.ndim == 1:
                weight.add_(0.2 * noise)
            else:
                weight.copy_(noise * (0.7 if "embed" not in path else 7) / weight.shape[-1] ** 0.5)
    return made.requires_grad_(False)


@cache
def source(name: str = "llama", kind: str = "gqa") -> AttentionModel:
    return wrap(module(name, KV_HEADS[kind]), tiny_models.byte_level_tokenizer(), f"Tiny {name}")


@cache
def spectra(name: str = "llama", kind: str = "gqa") -> LatentSpectra:
    return latent_spectra(source(name, kind), TEXT)


@cache
def converted(name: str = "llama", kind: str = "gqa", rank: int = 17) -> AttentionModel:
    return convert_to_mla(source(name, kind), rank, spectra(name, kind))


def ids(batch: int = 1, tokens: int = 23) -> Tensor:
    return torch.randint(1, 300, (batch, tokens), generator=torch.Generator().manual_seed(9))


def logits(model: AttentionModel | PreTrainedModel, given: Tensor, **more: Any) -> Tensor:
    run: Any = model.module if isinstance(model, AttentionModel) else model
    with torch.no_grad():
        return run(given, **more).logits


@pytest.mark.parametrize("kind", KV_HEADS)
@pytest.mark.parametrize("name", CLASSES)
def test_full_rank_is_the_original(name: str, kind: str):
    rank = full_rank(source(name, kind))
    assert rank == min(2 * KV_HEADS[kind] * D_HEAD, D_MODEL)
    made = converted(name, kind, rank)
    assert_near(logits(made, ids()), logits(module(name, KV_HEADS[kind]), ids()))
    lower = converted(name, kind, rank - 5)
    distance = (logits(lower, ids()) - logits(module(name, KV_HEADS[kind]), ids())).abs().max()
    assert distance > 1e-3, "a lower rank changes something, so that equality above says something"


@pytest.mark.parametrize("name", CLASSES)
def test_decoding_by_steps_is_the_full_forward(name: str):
    run: Any = converted(name).module
    given = ids(batch=2)
    whole = logits(run, given, use_cache=False)
    with torch.no_grad():
        output = run(given[:, :11])
        steps = [output.logits]
        for start, end in ((11, 12), (12, 17), (17, 18), (18, 23)):  # single tokens and chunks
            output = run(given[:, start:end], past_key_values=output.past_key_values)
            steps.append(output.logits)
    assert_near(torch.cat(steps, dim=1), whole)


@pytest.mark.parametrize("name", ["llama", "qwen2 with windows"])
def test_padding_on_the_left_changes_nothing(name: str):
    run: Any = converted(name).module
    short, long = ids(tokens=9), ids(tokens=13)
    padded = torch.cat([torch.zeros(1, 4, dtype=torch.long), short], dim=1)
    mask = torch.tensor([[0] * 4 + [1] * 9, [1] * 13])
    both = run.generate(
        torch.cat([padded, long]), attention_mask=mask, max_new_tokens=6, do_sample=False, eos_token_id=None
    )
    for row, alone in ((0, short), (1, long)):
        expected = alone
        for _ in range(6):
            expected = torch.cat([expected, logits(run, expected)[:, -1:].argmax(-1)], dim=1)
        assert both[row, -6:].tolist() == expected[0, -6:].tolist()


def test_a_gap_in_the_middle_keeps_its_positions():
    """Padding between two turns: transformers' own Llama, with the same positions, is the measure."""
    made, original = converted(rank=40), module("llama")
    given = ids(tokens=12)
    mask = torch.tensor([[1] * 5 + [0] * 3 + [1] * 4])
    positions = (mask.cumsum(-1) - 1).clamp(min=0)

    def by_steps(run: Any) -> Tensor:
        with torch.no_grad():
            past = run(given[:, :8], attention_mask=mask[:, :8], position_ids=positions[:, :8])
            rest = run(
                given[:, 8:],
                attention_mask=mask,
                position_ids=positions[:, 8:],
                past_key_values=past.past_key_values,
            )
        return rest.logits

    assert_near(by_steps(made.module), by_steps(original))


@pytest.mark.parametrize("ranks", [17, (11, 17, 5)])
def test_bytes_of_the_cache(ranks: Any):
    made = convert_to_mla(source(), ranks, spectra())
    run: Any = made.module
    with torch.no_grad():
        kept = run(ids(batch=2), use_cache=True).past_key_values
        kept = run(ids(batch=2, tokens=6), past_key_values=kept).past_key_values
    elements = sum(ranks) if isinstance(ranks, tuple) else LAYERS * ranks
    assert cache_bytes(kept) == elements * 4 * 2 * (23 + 6)
    assert cache_bytes_per_token(made.geometry, torch.float32) == elements * 4
    assert len({id(layer.positions) for layer in kept.layers}) == 1  # once for all layers


def test_a_window_keeps_no_more_than_it_sees():
    run: Any = converted("mistral with a window").module
    with torch.no_grad():
        kept = run(ids(), use_cache=True).past_key_values
    assert cache_bytes(kept) == LAYERS * 17 * 4 * (7 - 1)


def test_beams_crops_and_transformers_own_cache():
    run: Any = converted().module
    given = ids(batch=2)
    beams = run.generate(given, num_beams=3, max_new_tokens=5, do_sample=False, eos_token_id=None)
    slow = run.generate(
        given, num_beams=3, max_new_tokens=5, do_sample=False, eos_token_id=None, use_cache=False
    )
    assert beams.tolist() == slow.tolist()
    kept = DynamicCache(config=run.config)
    with torch.no_grad():
        run(given, past_key_values=kept)
        kept.crop(-4)
        again = run(given[:, -4:], past_key_values=kept).logits
    assert_near(again, logits(run, given)[:, -4:])
    filled = DynamicCache()
    filled.update(torch.zeros(1, 2, 3, 4), torch.zeros(1, 2, 3, 4), 0)
    with pytest.raises(ValueError, match="empty DynamicCache"):
        run(given, past_key_values=filled)


def test_patterns_are_those_of_eager_attention():
    made = converted("qwen2")
    assert made.plan.route == "registry"
    run = models.capture(made, "the cat sat on the mat, and the dog sat on the cat")
    given: Any = demand_tokenizer(made)(
        "the cat sat on the mat, and the dog sat on the cat", return_tensors="pt"
    )
    eager: Any = type(made.module)(copy.deepcopy(made.module.config)).eval()
    eager.load_state_dict(made.module.state_dict())
    eager.set_attn_implementation("eager")
    with torch.no_grad():
        expected = eager(given["input_ids"], output_attentions=True)
    for layer, pattern in enumerate(expected.attentions):
        assert_near(run.pattern(layer), pattern[0])
    off = models.capture(made, "the cat sat on the mat", heads_off=[(1, 2)])
    on = models.capture(made, "the cat sat on the mat")
    assert not torch.allclose(off.predictions, on.predictions)
    assert run.value_weighted(1, 2).shape == run.pattern(1, 2).shape


def test_it_writes_what_the_full_forward_writes():
    made = converted()
    text = "the cat sat on"
    written = "".join(models.stream(made, text, 12))
    given = torch.tensor([demand_tokenizer(made)(text)["input_ids"]])
    begun = given.shape[1]
    for _ in range(12):
        token = logits(made, given)[:, -1:].argmax(-1)
        if token.item() == 0:
            break
        given = torch.cat([given, token], dim=1)
    expected = str(demand_tokenizer(made).decode(given[0, begun:]))
    assert written.rstrip("\ufffd") == expected.rstrip("\ufffd")


@pytest.mark.parametrize("ranks", [17, (11, 17, 5)])
@pytest.mark.parametrize("name", ["llama with biases", "qwen2 with windows", "mistral with a window"])
def test_saved_and_loaded_again(name: str, ranks: Any, tmp_path: Path):
    made = convert_to_mla(source(name), ranks, spectra(name))
    place = save(made, tmp_path / "made")
    again = models.load(str(place), device="cpu", dtype="float32")
    assert_same_weights(again, made)
    assert_near(logits(again, ids()), logits(made, ids()))
    assert again.geometry == made.geometry
    shape = again.geometry
    assert (shape.kind, shape.kv_lora_rank, shape.qk_rope_head_dim) == ("mla", 17, None)
    assert (shape.heads, shape.kv_heads, shape.d_head, shape.v_head_dim) == (HEADS, 2, D_HEAD, D_HEAD)
    assert shape.kv_lora_ranks == (ranks if isinstance(ranks, tuple) else None)
    assert again.note == made.note
    assert_sentence(again.note)
    assert source(name).name in again.note
    run = models.capture(again, "the cat sat on the mat")
    run.save(tmp_path / "run.npz")
    assert models.Capture.load(tmp_path / "run.npz").geometry == shape
