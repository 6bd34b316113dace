"""A byte-level BPE vocabulary, and a corpus as one long row of its tokens."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from models.errors import BadText
from models.run.inputs import listed_texts
from models.shape.family import CONTEXT, END_OF_TEXT, VOCABULARY

END = "<|endoftext|>"
HELD_OUT = 0.01
DONE = "done"
PIECE = 20_000  # characters that are tokenized at once


@dataclass(frozen=True, slots=True)
class Tokens:
    """What is trained and validated on. train, valid: uint16 [token]; texts are divided by the end token."""

    tokenizer: PreTrainedTokenizerFast
    train: NDArray[np.uint16]
    valid: NDArray[np.uint16]


def tokenize(
    train: str | Sequence[str], valid: str | Sequence[str], folder: Path, vocabulary: Path | None = None
) -> Tokens:
    """Train the vocabulary on the training texts and tokenize both; kept in `folder`, and taken from there next time.

    vocabulary: the folder of a tokenizer of the family's, to be used in place of a new one. Without validation texts the
    end of the training text is held out, HELD_OUT of it. Raises BadText where a text is shorter than one context of 512
    tokens, or the vocabulary cannot be used.
    """
    train, valid = listed_texts(train), listed_texts(valid) if valid else ()
    place = folder / "-".join(["tokens", *map(_digest, (train, valid)), *_named(vocabulary)])
    if not (place / DONE).exists():
        place.mkdir(parents=True, exist_ok=True)
        tokenizer = train_tokenizer(train) if vocabulary is None else read_tokenizer(vocabulary)
        tokenizer.save_pretrained(place)
        rows = _rows(tokenizer, train, valid)
        for name, row in zip(("train", "valid"), rows, strict=True):
            np.save(place / f"{name}.npy", row)
        (place / DONE).touch()
    loaded = PreTrainedTokenizerFast.from_pretrained(place)
    return Tokens(loaded, np.load(place / "train.npy"), np.load(place / "valid.npy"))


def _rows(
    tokenizer: PreTrainedTokenizerFast, train: Sequence[str], valid: Sequence[str]
) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """The training and the validation row, each at least one context long."""
    row = encode(tokenizer, train)
    held_out = 0 if valid else max(int(HELD_OUT * len(row)), CONTEXT)
    rows = (row[: len(row) - held_out], row[-held_out:] if held_out else encode(tokenizer, valid))
    for name, part in zip(("training", "validation"), rows, strict=True):
        if len(part) < CONTEXT:
            raise BadText(
                f"The {name} text has {len(part)} tokens, but one context of {CONTEXT} is the least: give a longer text."
            )
    return rows


def train_tokenizer(texts: str | Sequence[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of 4,096 tokens (fewer where the text is small), the end token first."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # pyright: ignore[reportAttributeAccessIssue]
    tokenizer.decoder = decoders.ByteLevel()  # pyright: ignore[reportAttributeAccessIssue]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_pieces(listed_texts(texts)), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=END, eos_token=END, model_max_length=CONTEXT
    )


def read_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer in `folder`. Raises BadText where there is none, or it has more tokens than the family's models."""
    try:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    except (OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0][:200]
        raise BadText(
            f"There is no tokenizer in {folder} ({reason}): give a folder with a tokenizer.json."
        ) from None
    if len(tokenizer) > VOCABULARY or tokenizer.convert_tokens_to_ids(END) != END_OF_TEXT:
        raise BadText(
            f"The tokenizer in {folder} has {len(tokenizer):,} tokens and “{END}” at "
            f"{tokenizer.convert_tokens_to_ids(END)}: one of at most {VOCABULARY:,} is needed that has it at {END_OF_TEXT}, "
            "such as an earlier training's."
        )
    return tokenizer


def encode(tokenizer: PreTrainedTokenizerBase, texts: str | Sequence[str]) -> NDArray[np.uint16]:
    """All texts as one row of token ids, uint16 [token], the end token between two texts."""
    rows: list[NDArray[np.uint16]] = []
    for number, text in enumerate(listed_texts(texts)):
        if number:
            rows.append(np.array([END_OF_TEXT], np.uint16))
        backend = cast(Tokenizer, tokenizer.backend_tokenizer)  # pyright: ignore[reportAttributeAccessIssue]
        encoded = backend.encode_batch_fast(list(_pieces([text])), add_special_tokens=False)
        rows.extend(np.array(piece.ids, np.uint16) for piece in encoded)
    return np.concatenate(rows)


def _pieces(texts: Sequence[str]) -> Iterator[str]:
    """The texts in pieces that end with a line, so that no word is cut."""
    for text in texts:
        start = 0
        while start < len(text):
            end = text.find("\n", start + PIECE) + 1 or len(text)
            yield text[start:end]
            start = end


def _named(vocabulary: Path | None) -> list[str]:
    """What the name of a folder of tokens says of a vocabulary that was not trained on their text."""
    file = None if vocabulary is None else vocabulary / "tokenizer.json"
    return [_digest([file.read_text("utf-8")])] if file is not None and file.exists() else []


def _digest(texts: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()[:12]
