"""Tiny random models with tokenizers trained in place, saved as folders like those that people download."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers import models as algorithms
from tokenizers import trainers as training
from transformers import (
    BertConfig,
    BertForMaskedLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

_TEXT = (
    "When Mary and John went to the store, John gave a drink to Mary.",
    "The cat sat on the mat, and the dog sat on the cat.",
    "one two three four five one two three four five",
    "def add(a, b): return a + b  # 12 + 30 = 42",
)


def byte_level_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE as of GPT-2: every text can be written in it."""
    tokenizer = Tokenizer(algorithms.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # pyright: ignore
    tokenizer.decoder = decoders.ByteLevel()  # pyright: ignore
    trainer = training.BpeTrainer(
        vocab_size=311,
        special_tokens=["<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_TEXT, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|end|>", eos_token="<|end|>", pad_token="<|end|>"
    )


def word_piece_tokenizer() -> PreTrainedTokenizerFast:
    """WordPiece as of BERT, with [CLS] and [SEP]."""
    tokenizer = Tokenizer(algorithms.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()  # pyright: ignore
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()  # pyright: ignore
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(
        _TEXT, training.WordPieceTrainer(vocab_size=151, special_tokens=special, show_progress=False)
    )
    tokenizer.post_processor = processors.TemplateProcessing(  # pyright: ignore
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    names = dict(zip(("pad", "unk", "cls", "sep", "mask"), special, strict=True))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **{f"{name}_token": token for name, token in names.items()}
    )


def unigram_tokenizer() -> PreTrainedTokenizerFast:
    """Unigram as of T5, which ends every text with </s>."""
    tokenizer = Tokenizer(algorithms.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()  # pyright: ignore
    tokenizer.decoder = decoders.Metaspace()  # pyright: ignore
    trainer = training.UnigramTrainer(
        vocab_size=131, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(_TEXT, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(  # pyright: ignore
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast | None, folder: Path) -> Path:
    """Write a model and its tokenizer as save_pretrained does."""
    model.save_pretrained(folder)
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)
    return folder


def llama(folder: Path) -> Path:
    torch.manual_seed(0)
    config = LlamaConfig(
        num_hidden_layers=3,
        num_attention_heads=6,
        num_key_value_heads=2,
        head_dim=8,
        hidden_size=48,
        intermediate_size=37,
        vocab_size=311,
        max_position_embeddings=257,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
    )
    return save(LlamaForCausalLM(config), byte_level_tokenizer(), folder)


def bert_config() -> BertConfig:
    return BertConfig(
        num_hidden_layers=2,
        num_attention_heads=3,
        hidden_size=12,
        intermediate_size=17,
        vocab_size=151,
        max_position_embeddings=97,
    )


def bert(folder: Path) -> Path:
    torch.manual_seed(0)
    return save(BertForMaskedLM(bert_config()), word_piece_tokenizer(), folder)


def t5(folder: Path) -> Path:
    torch.manual_seed(0)
    config = T5Config(
        num_layers=2,
        num_decoder_layers=3,
        num_heads=5,
        d_kv=4,
        d_model=14,
        d_ff=19,
        vocab_size=131,
    )
    config.decoder_start_token_id = 0
    return save(T5ForConditionalGeneration(config), unigram_tokenizer(), folder)
