"""Train the whole family at once within a given time: `python -m models.training.together --minutes 9 ...`.

All kinds and seeds go step by step together, those of one seed on the very same batches, so that all have seen the same
when the time is over; the rate of learning has fallen to nothing by then. Made for one large GPU, where small models'
steps run beside each other. Started again with the same arguments, it goes on from its last checkpoint.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence

import torch

from models.errors import BadSelection, HeadlightError
from models.shape.family import CONTEXT, KINDS
from models.training.__main__ import (
    add_corpus_arguments,
    command_line,
    corpus_of,
    tokens_of,
)
from models.training.finished_model import About, export
from models.training.recipe import Recipe
from models.training.together.group import Group, Workplace
from models.training.validation import windows


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 where all models are written, 1 where the training was refused or failed."""
    began = time.monotonic()
    asked = _parser().parse_args(arguments)
    try:
        _run(asked, arguments, lambda: time.monotonic() - began)
    except HeadlightError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(asked: argparse.Namespace, arguments: Sequence[str] | None, clock: Callable[[], float]) -> None:
    _check(asked)
    recipe = Recipe(tokens=int(asked.tokens), tokens_per_step=asked.tokens_per_step)
    tokens = tokens_of(asked, recipe)
    place = Workplace(
        folder=asked.out,
        device=torch.device(asked.device),
        seconds=60 * asked.minutes - asked.reserve,
        save_every=asked.save_every,
        graphs=not asked.eager,
        workers=asked.workers,
    )
    group = Group(asked.attention, asked.seeds, tokens, recipe, place, clock)
    print(f"{len(group.seeds) * len(asked.attention)} models stand ready after {clock():.0f} s", flush=True)
    group.train(_tell)
    rows = windows(tokens.valid)
    about = About(command_line("models.training.together", arguments), corpus_of(asked), asked.licence)
    for folder, trainee, done, followed in group.done():
        card = export(
            trainee.kind, done, followed, tokens, rows, folder / "model", about, device=asked.device
        )
        print(f"{folder.name}: {card.validation_loss:.4f} nats a token after {clock():.0f} s", flush=True)


def _check(asked: argparse.Namespace) -> None:
    if asked.tokens_per_step < CONTEXT or asked.tokens_per_step % CONTEXT:
        raise BadSelection(
            f"A step of {asked.tokens_per_step} tokens is not made of whole sequences: give a multiple of {CONTEXT}."
        )
    if asked.device == "cuda" and not torch.cuda.is_available():
        raise BadSelection("PyTorch sees no GPU here: give --device cpu.")


def _tell(step: int, loss: float, seconds: float) -> None:
    if step % 200 == 0:
        print(f"step {step:,}: loss {loss:.3f}, {seconds:.0f} s", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.training.together",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_corpus_arguments(parser)
    parser.add_argument("--attention", choices=KINDS, nargs="+", default=list(KINDS), help="kinds (all)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="one model of each kind a seed (0)")
    parser.add_argument("--tokens", type=float, default=100e6, help="at most so many a model (100e6)")
    parser.add_argument("--tokens-per-step", type=int, default=8192, help="a multiple of 512 (8192)")
    parser.add_argument("--minutes", type=float, required=True, help="wall time for everything")
    parser.add_argument(
        "--reserve",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="of it, kept for writing the models (60)",
    )
    parser.add_argument("--device", default="cuda", help="cuda or cpu (cuda)")
    parser.add_argument("--eager", action="store_true", help="no CUDA graphs")
    parser.add_argument("--workers", type=int, default=2, help="processes a seed that make batches (2)")
    parser.add_argument(
        "--save-every", type=float, default=60.0, metavar="SECONDS", help="between two checkpoints (60)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
