"""Labels by the tokenizer's kind: its decoder tells how pieces are spelled, and no text can look like another spelling."""

import pytest
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers import models as algorithms
from transformers import (
    AddedToken,
    ByT5Tokenizer,
    CanineTokenizer,
    PerceiverTokenizer,
    PreTrainedTokenizerFast,
)
from transformers import PreTrainedTokenizerBase as Base

from models.run.tokens import display_tokens
from tests.models.run.test_tokens import llama_like
from tests.tiny_models import word_piece_tokenizer


def byte_level(*merges: tuple[str, str], decoder: bool = True) -> PreTrainedTokenizerFast:
    """Byte-level BPE that knows these merges and no others."""
    pieces = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *("".join(pair) for pair in merges)]
    made = Tokenizer(algorithms.BPE({piece: index for index, piece in enumerate(pieces)}, list(merges)))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)  # pyright: ignore
    if decoder:
        made.decoder = decoders.ByteLevel()  # pyright: ignore
    return PreTrainedTokenizerFast(tokenizer_object=made)


def word_ends() -> PreTrainedTokenizerFast:
    """As the first GPT's: a word's last piece is marked."""
    pieces = ["<unk>", "c", "a", "t</w>", "ca", "cat</w>", "s</w>"]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    merges = [("c", "a"), ("ca", "t</w>")]
    made = Tokenizer(algorithms.BPE(vocabulary, merges, unk_token="<unk>", end_of_word_suffix="</w>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()  # pyright: ignore
    made.decoder = decoders.BPEDecoder("</w>")  # pyright: ignore
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="<unk>")


def shown(which: Base, text: str) -> tuple[str, ...]:
    return display_tokens(which, which(text, add_special_tokens=False)["input_ids"])


@pytest.mark.parametrize("make", [ByT5Tokenizer, PerceiverTokenizer, byte_level])
@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("naïve", ("n", "a", "<C3>", "<AF>", "v", "e")),
        ("船", ("<E8>", "<88>", "<B9>")),
        ("🚣", ("<F0>", "<9F>", "<9A>", "<A3>")),
        ("Ã¯", ("<C3>", "<83>", "<C2>", "<AF>")),
        ("a\nb", ("a", "\n", "b")),
    ],
)
def test_bytes_that_make_no_character(make, text, labels):
    assert shown(make(), text) == labels


@pytest.mark.parametrize("code", [0x80, 0x8F, 0xAD, 0xE9, 0x20AC, 0x1F6A3])
@pytest.mark.parametrize("make", [ByT5Tokenizer, PerceiverTokenizer, byte_level])
def test_no_byte_is_shown_as_a_character_of_its_number(make, code):
    assert shown(make(), chr(code)) == tuple(f"<{byte:02X}>" for byte in chr(code).encode())


def test_a_piece_with_whole_and_broken_characters_shows_both():
    made = byte_level(("Ġ", "ð"), ("Ġð", "Ł"), ("a", "Ã"), ("aÃ", "¯"))
    assert shown(made, "aï 🚣") == ("aï", " <F0 9F>", "<9A>", "<A3>")


@pytest.mark.parametrize("decoder", [True, False])
def test_hashes_of_a_text_are_not_word_piece(decoder):
    made = byte_level(("#", "#"), ("##", "Ċ"), ("r", "e"), decoder=decoder)
    assert shown(made, "##\nred") == ("##\n", "re", "d")


def test_hashes_of_word_piece_stay():
    assert "##n" in shown(word_piece_tokenizer(), "don")


def test_what_looks_like_a_fallback_byte_is_text_elsewhere():
    """And is a byte where the decoder makes bytes of it."""
    made = byte_level()
    made.add_tokens([AddedToken("<0xC3>"), AddedToken("a▁b"), AddedToken("##Ġc")])
    assert shown(made, "<0xC3>a▁b##Ġc") == ("<0xC3>", "a▁b", "##Ġc")
    assert shown(llama_like(), "catï")[-2:] == ("<C3>", "<AF>")


def test_runs_of_spaces_that_are_listed_as_added():
    """As Gemma's: pieces of the vocabulary, whose marks are spaces."""
    made = llama_like()
    made.add_tokens([AddedToken("▁c", normalized=False)])
    assert display_tokens(made, [made.get_vocab()["▁c"]]) == (" c",)


def test_ends_of_words_are_spaces():
    assert shown(word_ends(), "cat ca s") == ("cat ", "c", "<unk>", "s ")


def test_special_tokens_that_are_no_writing_are_named_by_their_role():
    made = CanineTokenizer()
    assert display_tokens(made, made("hé")["input_ids"]) == ("<cls>", "h", "é", "<sep>")


def test_ids_beyond_the_vocabulary_of_bytes():
    assert display_tokens(ByT5Tokenizer(), [3 + 0x41, 5_000]) == ("A", "<unused 5000>")
