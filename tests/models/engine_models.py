"""The zoo's models with a tokenizer, twice: under the engine, and as transformers alone runs them, with equal weights."""

from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from models.loading.loader import wrap
from models.run.model import AttentionModel
from tests import tiny_models
from tests.models.zoo import Row, build
from tests.models.zoo_decoders import DECODERS
from tests.models.zoo_encoders import ENCODERS, PAIRS
from tests.models.zoo_latent import HYBRIDS, LATENT
from tests.models.zoo_others import OWN_ATTENTION

TEXT = "the cat sat on the mat, and the dog sat on the cat"
SOURCE, TARGET = "the cat sat on the mat, and the dog", "the dog sat on"
ROWS = {row.name: row for row in DECODERS + ENCODERS + PAIRS + LATENT + HYBRIDS + OWN_ATTENTION}
# Each kind of model with its kind of tokenizer, whose vocabulary and special tokens the config must follow.
TOKENIZERS = {
    "causal": (tiny_models.byte_level_tokenizer, {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}),
    "masked": (tiny_models.word_piece_tokenizer, {"pad_token_id": 0}),
    "seq2seq": (
        tiny_models.unigram_tokenizer,
        {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 1, "decoder_start_token_id": 0},
    ),
}


@cache
def tokenizer(auto: str) -> PreTrainedTokenizerBase:
    made = TOKENIZERS[auto][0]()
    if auto == "masked":
        made.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]  # as BERT's own
    return made


def _row(name: str) -> Row:
    row = ROWS[name]
    vocabulary = {"vocab_size": len(tokenizer(row.auto))}
    return replace(row, config=row.config | TOKENIZERS[row.auto][1] | vocabulary)


def fresh(name: str, which: PreTrainedTokenizerBase | None = None, **config: Any) -> AttentionModel:
    """A model of its own, for tests that change it; with another tokenizer than its kind's, or other settings."""
    row = _row(name)
    which = which or tokenizer(row.auto)
    row = replace(row, config=row.config | {"vocab_size": len(which)} | config)
    return wrap(build(row), which, name=name.capitalize())


@cache
def engine(name: str) -> AttentionModel:
    """The zoo's `name` under the engine; shared, so nothing may change it."""
    return fresh(name)


@cache
def stock(name: str) -> PreTrainedModel:
    """The same weights under transformers' own eager attention."""
    return build(_row(name))


def stock_output(name: str, text: str = TEXT, module: PreTrainedModel | None = None):
    """What transformers alone makes of a text: logits and attentions. `module`: another than `stock(name)`."""
    given = tokenizer(ROWS[name].auto)(text, return_tensors="pt")
    named = {key: given[key] for key in ("input_ids", "attention_mask")}
    with torch.no_grad():
        return nn.Module.__call__(module or stock(name), **named, output_attentions=True)


def stock_generates(name: str, text: str, new_tokens: int, **settings) -> list[int]:
    """Token ids that transformers' own greedy generate gives, without its end token."""
    given = tokenizer(ROWS[name].auto)(text, return_tensors="pt")
    generator: Any = stock(name)
    written = generator.generate(
        input_ids=given["input_ids"],
        attention_mask=given["attention_mask"],
        do_sample=False,
        max_new_tokens=new_tokens,
        use_cache=False,  # transformers' cache has no room for a T5 decoder deeper than its encoder
        **settings,
    )
    end = stock(name).config.eos_token_id
    return [token for token in written[0].tolist() if token != end]


def assert_near(found: Tensor, expected: Tensor, tolerance: float = 1e-5) -> None:
    """Equal within `tolerance` of the largest expected number; all zeros would not pass."""
    assert found.shape == expected.shape
    scale = expected.abs().max().item()
    assert 0 < scale < float("inf")
    assert (found - expected).abs().max().item() <= tolerance * scale


def assert_same_weights(found: AttentionModel, expected: AttentionModel) -> None:
    """To the bit. What they compute may still differ: weights read from a file lie elsewhere, and that chooses the kernel."""
    ours, theirs = found.module.state_dict(), expected.module.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
