"""What is told of each step while a model writes: tokens held, and bytes as transformers' own cache of them has."""

from typing import Any

import pytest
import torch
from torch import nn
from transformers import EncoderDecoderCache

from models import stream
from models.look.generation import Manner, WritingStep, token_ids
from models.run.inputs import decoder_start, encode
from tests.models.engine_models import TEXT, engine, stock

COUNT = 5


def steps_of(name: str, cache: str | None = None) -> tuple[list[WritingStep], list[int], list[int]]:
    """Steps, token ids of the text, and those written."""
    model, steps = engine(name), []
    given = encode(model, TEXT)
    written = list(token_ids(model, given, COUNT, Manner(cache=cache, heard=steps.append)))
    return steps, list(given.ids["text"]), written


def nbytes(cache: Any) -> int:
    if isinstance(cache, EncoderDecoderCache):
        return nbytes(cache.self_attention_cache) + nbytes(cache.cross_attention_cache)
    return sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)


@pytest.mark.parametrize("name", ["gpt2", "llama gqa", "llama mqa", "mistral", "deepseek_v3"])
def test_every_step_tells_what_transformers_would_keep(name: str):
    steps, ids, written = steps_of(name, "latent" if name == "deepseek_v3" else None)
    assert [step.tokens for step in steps] == [len(ids) + place for place in range(COUNT)]
    assert all(step.seconds > 0 for step in steps)
    for step in steps:
        read = torch.tensor([[*ids, *written][: step.tokens]])
        with torch.no_grad():
            held = nn.Module.__call__(stock(name), input_ids=read, use_cache=True).past_key_values
        assert step.cache is not None
        assert step.cache.used == nbytes(held)


def test_an_encoder_decoder_tells_both_caches_and_counts_what_it_writes():
    steps, ids, written = steps_of("t5")
    assert [step.tokens for step in steps] == list(range(1, len(steps) + 1))
    answer = [decoder_start(engine("t5")), *written]
    for step in steps:
        with torch.no_grad():
            held = nn.Module.__call__(
                stock("t5"),
                input_ids=torch.tensor([ids]),
                decoder_input_ids=torch.tensor([answer[: step.tokens]]),
                use_cache=True,
            ).past_key_values
        assert step.cache is not None
        assert step.cache.used == nbytes(held)


def test_latents_are_smaller_than_the_keys_and_values_made_from_them():
    expanded, latent, absorbed = (
        steps_of("deepseek_v3", mode)[0] for mode in ("expanded", "latent", "absorbed")
    )
    held = [[step.cache.used for step in steps if step.cache] for steps in (expanded, latent, absorbed)]
    assert held[1] == held[2]
    assert all(large > small for large, small in zip(held[0], held[1], strict=True))


def test_a_model_that_hands_out_no_cache_says_so():
    steps, _, written = steps_of("openai-gpt")
    assert len(written) == COUNT
    assert [step.cache for step in steps] == [None] * COUNT


def test_a_step_is_told_before_its_piece_is_there():
    steps: list[WritingStep] = []
    pieces = stream(engine("gpt2"), TEXT, COUNT, heard=steps.append)
    next(pieces)
    assert 1 <= len(steps) < COUNT
