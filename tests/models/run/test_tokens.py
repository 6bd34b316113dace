"""Tokens as they are shown: one string each, nothing hidden, nothing merged, whatever the tokenizer's own spelling."""

import pytest
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers import models as algorithms
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from models.run.model import demand_tokenizer
from models.run.tokens import display_tokens
from tests.models.engine_models import tokenizer


def llama_like() -> PreTrainedTokenizerFast:
    """SentencePiece's BPE with byte fallback, as of Llama and Mistral: spaces are ▁, bytes <0xF0>."""
    names = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    pieces = ["▁", "c", "a", "t", "▁c", "at", "▁cat", "s", "▁s", "▁sat"]
    vocabulary = {name: index for index, name in enumerate([*names, *pieces])}
    merges = [("▁", "c"), ("a", "t"), ("▁c", "at"), ("▁", "s"), ("▁s", "at")]
    made = Tokenizer(algorithms.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)  # pyright: ignore
    made.decoder = decoders.Sequence(  # pyright: ignore
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )


def shown(which: PreTrainedTokenizerBase, text: str) -> tuple[str, ...]:
    return display_tokens(which, which.encode(text))


def test_byte_level_keeps_spaces_and_line_ends():
    tokens = shown(tokenizer("causal"), "The cat  sat.\n\tThe cat")
    assert tokens[:4] == ("The", " cat", " ", " sat")
    assert "\n" in tokens
    assert "\t" in tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("🙂", ("<F0>", "<9F>", "<99>", "<82>")),
        ("ï", ("<C3>", "<AF>")),
        (" ", (" ",)),
        ("\x00", ("\x00",)),
        ("<b>", ("<", "b", ">")),
    ],
)
def test_pieces_of_a_character_are_its_bytes(text, expected):
    assert shown(tokenizer("causal"), text) == expected


@pytest.mark.parametrize("first", [0x80, 0xC0, 0x800, 0x10000])
def test_every_byte_of_a_character_has_a_name(first):
    """Two, three and four bytes long, so that every byte that follows another comes by."""
    for code in range(first, first + 64):
        expected = tuple(f"<{byte:02X}>" for byte in chr(code).encode())
        assert shown(tokenizer("causal"), chr(code)) == expected


def test_word_piece():
    tokens = shown(tokenizer("masked"), "the don [MASK] ☃")
    assert tokens == ("[CLS]", "the", "do", "##n", "[MASK]", "[UNK]", "[SEP]")


def test_sentence_piece():
    assert shown(llama_like(), "cat sat\ncat") == (" cat", " sat", "\n", "c", "at")
    assert shown(tokenizer("seq2seq"), "the cat")[-2:] == (" cat", "</s>")


def test_sentence_piece_bytes():
    assert shown(llama_like(), "cat🙂") == (" cat", "<F0>", "<9F>", "<99>", "<82>")


def test_special_tokens_are_shown_as_they_are_spelled():
    which = tokenizer("causal")
    assert display_tokens(which, which.encode("<|end|>")) == ("<|end|>",)
    assert display_tokens(llama_like(), [1, 0, 2]) == ("<s>", "<unk>", "</s>")


def test_an_id_that_no_token_has():
    """Models are often padded to more rows than their tokenizer knows, and such a row may be predicted."""
    assert display_tokens(tokenizer("causal"), [100_000]) == ("<unused 100000>",)


@pytest.mark.real
def test_the_default_models_tokens(smollm2, minilm):
    text = "Mary's 12 cats\n\n  naïve 🙂"
    tokens = shown(demand_tokenizer(smollm2), text)
    assert tokens[:6] == ("Mary", "'s", " ", "1", "2", " cats")
    assert "".join(tokens).startswith("Mary's 12 cats\n\n  naïve")
    assert tokens[-1] == " 🙂"
    assert shown(demand_tokenizer(minilm), "Unhappiness!") == (
        "[CLS]",
        "un",
        "##ha",
        "##pp",
        "##iness",
        "!",
        "[SEP]",
    )
