"""The tokenizer of the models that read dates: a token is a character."""

from __future__ import annotations

import string

from tokenizers import Regex, Tokenizer, decoders, pre_tokenizers, processors
from tokenizers import models as tokenizer_models
from transformers import PreTrainedTokenizerFast

from models.classic.dates import SIGNS

PAD, START, END, UNKNOWN = "<pad>", "<s>", "</s>", "<unk>"
PAD_ID, START_ID, END_ID, UNKNOWN_ID = range(4)
ALPHABET = string.digits + string.ascii_lowercase + string.ascii_uppercase + SIGNS


def character_tokenizer() -> PreTrainedTokenizerFast:
    """Every letter without an accent, every digit and a few signs; an end mark behind each text."""
    listed = (PAD, START, END, UNKNOWN, *ALPHABET)
    vocabulary = {token: number for number, token in enumerate(listed)}
    backend = Tokenizer(tokenizer_models.WordLevel(vocabulary, unk_token=UNKNOWN))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    backend.decoder = decoders.Fuse()
    backend.post_processor = processors.TemplateProcessing(single=f"$A {END}", special_tokens=[(END, END_ID)])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token=PAD, bos_token=START, eos_token=END, unk_token=UNKNOWN
    )
