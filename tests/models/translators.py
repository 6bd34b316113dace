"""Tokenizers of translators, made in place: SentencePiece trained on a few sentences, with languages or two vocabularies."""

import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import sentencepiece
from transformers import (
    M2M100Tokenizer,
    MarianTokenizer,
    MBartTokenizer,
    NllbTokenizer,
    PreTrainedModel,
)

from tests.models.zoo import Row, build

ENGLISH = ("the cat sat on the mat", "the dog sat on the cat", "a boat waves back at the old mill")
GERMAN = ("die Katze auf der Matte", "der Hund auf der Katze", "ein Boot winkt der alten Mühle zu")


@cache
def sentence_piece(sentences: tuple[str, ...]) -> bytes:
    made = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(  # pyright: ignore[reportAttributeAccessIssue]
        sentence_iterator=iter(sentences * 9),
        model_writer=made,
        vocab_size=40,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return made.getvalue()


def _pieces(model: bytes) -> list[str]:
    reader = sentencepiece.SentencePieceProcessor(model_proto=model)  # pyright: ignore
    return [reader.id_to_piece(number) for number in range(reader.get_piece_size())]


def _vocabulary(folder: Path, name: str, model: bytes, first: list[str], last: list[str]) -> dict[str, int]:
    rest = [piece for piece in _pieces(model) if not piece.startswith("<")]
    made = {piece: index for index, piece in enumerate([*first, *rest, *last])}
    (folder / name).write_text(json.dumps(made), "utf-8")
    return made


def marian(folder: Path) -> MarianTokenizer:
    """Reads English by one vocabulary and writes German by another."""
    for name, sentences in (("source", ENGLISH), ("target", GERMAN)):
        (folder / f"{name}.spm").write_bytes(sentence_piece(sentences))
        file = "vocab.json" if name == "source" else "target_vocab.json"
        # One piece more in front of the German ones, so that even marks at the end have other numbers.
        _vocabulary(
            folder,
            file,
            sentence_piece(sentences),
            ["</s>", "<unk>"],
            ["<pad>", "x"][: 1 + (name == "target")],
        )
    return MarianTokenizer(
        source_spm=str(folder / "source.spm"),
        target_spm=str(folder / "target.spm"),
        vocab=str(folder / "vocab.json"),
        target_vocab_file=str(folder / "target_vocab.json"),
        separate_vocabs=True,
    )


def m2m100(folder: Path) -> M2M100Tokenizer:
    model = sentence_piece(ENGLISH + GERMAN)
    (folder / "spm.model").write_bytes(model)
    _vocabulary(folder, "vocab.json", model, ["<s>", "<pad>", "</s>", "<unk>"], [])
    return M2M100Tokenizer(str(folder / "vocab.json"), str(folder / "spm.model"), src_lang="en")


def _scored(first: list[str]) -> list[tuple[str, float]]:
    rest = [piece for piece in _pieces(sentence_piece(ENGLISH + GERMAN)) if not piece.startswith("<")]
    return [*((piece, 0.0) for piece in first), *((piece, -float(rank)) for rank, piece in enumerate(rest))]


def nllb(folder: Path) -> NllbTokenizer:
    vocabulary = {piece: index for index, (piece, _) in enumerate(_scored(["<s>", "<pad>", "</s>", "<unk>"]))}
    return NllbTokenizer(vocab=vocabulary, merges=[])


def mbart(folder: Path) -> MBartTokenizer:
    return MBartTokenizer(vocab=_scored(["<s>", "<pad>", "</s>", "<unk>"]), src_lang="en_XX")


def translator(which: Any, **settings: int) -> PreTrainedModel:
    """A tiny model for a translator's tokenizer. settings: of its generation."""
    rows = max([len(which), *(1 + number for number in getattr(which, "lang_code_to_id", {}).values())])
    kind = "mbart" if isinstance(which, MBartTokenizer) else "m2m_100"
    config = {
        "vocab_size": rows, "d_model": 24, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 3,
        "decoder_attention_heads": 3, "encoder_ffn_dim": 17, "decoder_ffn_dim": 17, "max_position_embeddings": 64,
        "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2,
    }  # fmt: skip
    made = build(Row(kind, kind, "seq2seq", config))
    asked: dict[str, Any] = {"decoder_start_token_id": 2, "forced_eos_token_id": None} | settings
    made.generation_config.update(**asked)
    return made
