"""Train a model of the attention family: `python -m models.training --attention mla --corpus novels.txt --out runs`.

The corpus is a text file in UTF-8 (plain, .xz, .gz or .bz2), or with --dataset a data set of the Hugging Face Hub or a
folder. Started again with the same arguments, it goes on where it stopped; Ctrl-C writes a checkpoint first. On several
GPUs: `accelerate launch -m models.training ...`.
"""

from __future__ import annotations

import argparse
import sys

import torch

from models.errors import HeadlightError
from models.shape.family import KINDS, family_name
from models.training.corpus_arguments import add_corpus_arguments, command_line, corpus_of, tokens_of
from models.training.finished_model import About, export
from models.training.recipe import Recipe
from models.training.run import Place, train
from models.training.validation import windows


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 where the run came to its end, 1 where it was refused or failed, 2 where it was broken off."""
    asked = _parser().parse_args(arguments)
    if asked.threads:
        torch.set_num_threads(asked.threads)
    try:
        return _run(asked, arguments)
    except HeadlightError as error:
        print(error, file=sys.stderr)
        return 1


def _run(asked: argparse.Namespace, arguments: list[str] | None) -> int:
    recipe = Recipe(tokens=int(asked.tokens), seed=asked.seed)
    tokens = tokens_of(asked, recipe)
    name = family_name(asked.attention)
    folder = asked.out / f"{name}-seed{asked.seed}"
    place = Place(folder, asked.device, asked.save_every, tuple(asked.report_to), asked.quiet)
    done = train(asked.attention, tokens, recipe, place)
    if done is None:  # one of several processes; the first one writes the model
        return 0
    if not done.finished:
        print(f"Stopped after {done.tokens_seen:,} tokens; the same command goes on from there.")
        return 2
    about = About(command_line("models.training", arguments), corpus_of(asked), asked.licence)
    card = export(asked.attention, done, recipe, tokens, windows(tokens.valid), folder / "model", about)
    print(
        f"{card.name}: validation loss {card.validation_loss:.4f} nats a token, written to {folder / 'model'}"
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--attention", choices=KINDS, required=True, help="kind of attention")
    add_corpus_arguments(parser)
    parser.add_argument("--tokens", type=float, default=20e6, help="how many tokens to train on (20e6)")
    parser.add_argument("--seed", type=int, default=0, help="of the weights, the order and the repeats (0)")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto takes a GPU if there is one"
    )
    parser.add_argument("--threads", type=int, default=0, help="processor threads (all)")
    parser.add_argument(
        "--save-every", type=int, default=100, metavar="STEPS", help="between two checkpoints (100)"
    )
    parser.add_argument("--report-to", nargs="*", default=[], metavar="NAME", help="tensorboard, wandb ...")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


if __name__ == "__main__":
    sys.exit(main())
