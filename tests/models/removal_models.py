"""Models less heads, and what transformers' own eager model computes with the same heads hooked off."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

import models
from models.look.capturing import encode_for
from models.run.head_gates import Head
from models.run.model import AttentionModel
from tests.models.engine_models import TEXT, engine, stock, stock_output
from tests.models.zoo import logits

MASKED = "the [MASK] sat on the mat"
LAYER_0 = tuple((0, head) for head in range(6))
BERT_LAYER_0 = tuple((0, head) for head in range(4))
# Every class with heads that leave it in another shape: single ones, whole groups, uneven ones, a first layer without any.
CASES: list[tuple[str, tuple[Head, ...]]] = [
    ("llama mha", ((0, 1), (1, 2), (2, 5))),
    ("llama mha", ((0, 0), (0, 5), (2, 3))),
    ("llama mha", LAYER_0),
    ("llama gqa", ((0, 0), (0, 1), (0, 2), (2, 3), (2, 4), (2, 5))),
    ("llama gqa", ((0, 0), (0, 4), (1, 1), (1, 5), (2, 2), (2, 3))),
    ("llama gqa", ((0, 0), (1, 4), (1, 5), (2, 0), (2, 1), (2, 3))),
    ("llama gqa", LAYER_0),
    ("llama mqa", ((0, 3), (1, 0), (1, 5))),
    ("llama mqa", (*LAYER_0, (2, 2))),
    ("qwen2", ((0, 1), (1, 3), (1, 4), (1, 5))),
    ("qwen2", LAYER_0),
    ("qwen3", ((0, 1), (2, 3), (2, 4), (2, 5))),
    ("mistral", ((0, 2), (0, 3), (1, 1), (1, 2))),
    ("mistral", (*LAYER_0, (1, 1))),
    ("gpt2", ((0, 1), (2, 0), (2, 4))),
    ("gpt2", (*LAYER_0, (1, 3))),
    ("bert", ((0, 1), (1, 0), (1, 3))),
    ("bert", BERT_LAYER_0),
    ("roberta", ((0, 2), (1, 1))),
    ("deepseek_v3", ((0, 1), (1, 2), (2, 5))),
    ("deepseek_v3", (*LAYER_0, (1, 0), (1, 1))),
    ("deepseek_v3 whole queries", ((0, 1), (2, 0), (2, 4))),
    ("deepseek_v2", ((0, 1), (1, 2))),
]
IDS = [f"{name} {len(heads)}" for name, heads in CASES]


def text_of(name: str) -> str:
    return MASKED if name in ("bert",) else TEXT


@contextmanager
def hooked_off(name: str, heads: Sequence[Head]) -> Iterator[None]:
    """Heads zeroed on their way into the output projection of transformers' own model."""
    model, by_layer = engine(name), defaultdict(list)
    for layer, head in heads:
        by_layer[layer].append(head)
    width = model.geometry.v_head_dim
    with ExitStack() as hooks:
        for layer, off in by_layer.items():
            path = model.plan.sites[layer].output_projection
            assert path is not None
            part = stock(name).get_submodule(path)

            def zero(_: nn.Module, args: tuple, off: list[int] = off) -> tuple:
                given = args[0].clone()
                for head in off:
                    given[..., head * width : (head + 1) * width] = 0
                return (given, *args[1:])

            hooks.callback(part.register_forward_pre_hook(zero).remove)
        yield


def expected(name: str, heads: Sequence[Head]) -> tuple[Tensor, dict[int, Tensor]]:
    """Logits [pos, vocab], and by layer the patterns of its remaining heads [head, query, key]; all from transformers."""
    with hooked_off(name, heads):
        output = stock_output(name, text_of(name))
    patterns = {}
    for layer, pattern in enumerate(output.attentions):
        left = [head for head in range(pattern.shape[1]) if (layer, head) not in heads]
        if left:
            patterns[layer] = pattern[0, left]
    return logits(output)[0], patterns


@torch.no_grad()
def all_logits(model: AttentionModel, text: str = TEXT) -> Tensor:
    """[pos, vocab], in one forward without a cache."""
    return model.module(**encode_for(model, text).inputs).logits[0]


@torch.no_grad()
def step_logits(model: AttentionModel, cache: str | None = None, text: str = TEXT, chunk: int = 5) -> Tensor:
    """[pos, vocab], read with a cache: `chunk` tokens, then one at a time, places left to the model to count."""
    ids, past, seen = encode_for(model, text).inputs["input_ids"], models.new_cache(model, cache), []
    for start, end in ((0, chunk), *((at, at + 1) for at in range(chunk, ids.shape[1]))):
        output = model.module(input_ids=ids[:, start:end], past_key_values=past, use_cache=True)
        past = output.past_key_values
        seen.append(output.logits[0])
    return torch.cat(seen)
