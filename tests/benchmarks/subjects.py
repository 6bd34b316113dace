"""The models that are measured, each three times over one set of weights, and texts of a given length."""

import copy
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedModel

import models
from models.quiet_transformers import quiet_transformers
from models.run.model import demand_tokenizer
from tests import tiny_models

LONGEST = 1024
_NAMES = ("Mary", "John", "Ada", "Noor", "Peter", "Lucia", "Kofi", "Ines")
_VERBS = ("gave", "showed", "sold", "promised", "sent", "lent", "read", "brought")
_THINGS = ("a map", "the red lamp", "an old letter", "twelve apples", "the key", "a small boat", "some bread")
_PLACES = (
    "in the garden",
    "near the station",
    "after the storm",
    "on Monday",
    "by the river",
    "without a word",
)


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """One model. source: what models.load takes. plain, eager: the same class and the same weights, with transformers'
    own SDPA and eager attention."""

    source: str
    name: str
    model: models.AttentionModel
    plain: PreTrainedModel
    eager: PreTrainedModel

    def inputs(self, text: str, tokens: int) -> dict[str, Any]:
        """What the plain forward pass is called with: as a capture calls it, logits of the last position only."""
        encoding = demand_tokenizer(self.model)(text, return_tensors="pt")
        ids: Tensor = encoding["input_ids"][:, :tokens]
        rest = {"attention_mask": torch.ones_like(ids), "use_cache": False, "logits_to_keep": 1}
        return {"input_ids": ids, **rest}


def subject(source: str, name: str) -> Subject:
    loaded = models.load(source, device="cpu", dtype="float32")
    return Subject(source, name, loaded, _twin(loaded.module, "sdpa"), _twin(loaded.module, "eager"))


def _twin(module: PreTrainedModel, attention: str) -> PreTrainedModel:
    """A copy that shares the weights and runs another attention."""
    shared: dict[int, Any] = {id(weight): weight for weight in module.parameters()}
    twin = copy.deepcopy(module, shared)
    twin.set_attn_implementation(attention)
    return twin


def random_gpt2(folder: Path, layers: int = 12, heads: int = 12, width: int = 768) -> Path:
    """A GPT-2 of that shape with random weights, saved in `folder`."""
    torch.manual_seed(0)
    tokenizer = tiny_models.byte_level_tokenizer()
    vocabulary = 50_257 if width == 768 else len(tokenizer)
    config = GPT2Config(
        n_layer=layers,
        n_head=heads,
        n_embd=width,
        n_positions=LONGEST,
        vocab_size=vocabulary,
        bos_token_id=0,
        eos_token_id=0,
    )
    with quiet_transformers():
        return tiny_models.save(GPT2LMHeadModel(config), tokenizer, folder)


def text_of(tokenizer: Any, tokens: int) -> str:
    """Made-up prose of at least `tokens` tokens, the same at every call."""
    draw = random.Random(0)
    sentences: list[str] = []
    while True:
        sentences += [_sentence(draw) for _ in range(8)]
        text = " ".join(sentences)
        with quiet_transformers():  # a text longer than the model's context is what is wanted
            count = len(tokenizer(text)["input_ids"])
        if count >= tokens:
            return text


def _sentence(draw: random.Random) -> str:
    giver, taker = draw.sample(_NAMES, 2)
    return f"{giver} {draw.choice(_VERBS)} {taker} {draw.choice(_THINGS)} {draw.choice(_PLACES)}."
