"""What the commands that train have in common: which text, and what a card says of it."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from models.training.recipe import Recipe
from models.training.texts import read_dataset, read_text
from models.training.vocabulary import Tokens, tokenize

CHARACTERS_PER_TOKEN = 4  # generously: English novels have 3.5


def add_corpus_arguments(parser: argparse.ArgumentParser) -> None:
    """The corpus, the folder that everything goes to, and what the card says of both."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--corpus", type=Path, nargs="+", help="text files to train on")
    source.add_argument("--dataset", help="Hub id or folder of a data set, in place of --corpus")
    parser.add_argument("--column", default="text", help="the data set's column (text)")
    parser.add_argument(
        "--valid", type=Path, nargs="*", default=[], help="text files to validate on (else 1%% held out)"
    )
    parser.add_argument(
        "--vocabulary", type=Path, metavar="FOLDER", help="tokenizer to use (else one is trained on the text)"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for checkpoints and the finished model"
    )
    parser.add_argument(
        "--about", default="", help="what the corpus is, in a sentence for the card (its file names)"
    )
    parser.add_argument("--licence", default="not stated", help="of the weights, for the card")


def tokens_of(asked: argparse.Namespace, recipe: Recipe) -> Tokens:
    """The texts that were asked for, tokenized; kept in --out. Raises BadText where they cannot be used."""
    if asked.dataset:
        texts = read_dataset(asked.dataset, asked.column, recipe.tokens * CHARACTERS_PER_TOKEN)
    else:
        texts = [read_text(path) for path in asked.corpus]
    return tokenize(texts, [read_text(path) for path in asked.valid], asked.out, asked.vocabulary)


def corpus_of(asked: argparse.Namespace) -> str:
    """What a card calls the corpus."""
    if asked.about:
        return asked.about
    return f"Data set {asked.dataset}" if asked.dataset else ", ".join(path.name for path in asked.corpus)


def command_line(module: str, arguments: Sequence[str] | None) -> str:
    """How this run was started, for the card."""
    given = sys.argv[1:] if arguments is None else arguments
    return shlex.join(["python", "-m", module, *given])
