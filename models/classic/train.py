"""Train an ancestor of today's attention again: `python -m models.classic.train classic-soft --out runs`.

No corpus is needed: dates and stories come from the package's own generators, the same for the same seed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from models.classic.date_models import DATE_MODELS, train_dates
from models.classic.story_model import MEMORY, train_stories
from models.errors import HeadlightError
from models.progress import Progress

NAMES = (*DATE_MODELS, MEMORY)


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 where the model is written, 1 where it was refused."""
    asked = _parser().parse_args(arguments)
    torch.set_num_threads(asked.threads)
    made = train_stories if asked.name == MEMORY else train_dates
    try:
        card = made(asked.name, asked.out / asked.name, asked.seed, progress=_showing())
    except HeadlightError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"\n{card.name} after {card.train_seconds:,.0f} s, in {asked.out / asked.name}")
    for name, share in card.figures.items():
        print(f"{name.replace('_', ' ')}: {share:.4f}")
    return 0


def _showing() -> Progress:
    """Writes one line over, at every percent."""
    shown = -1

    def show(message: str, fraction: float) -> None:
        nonlocal shown
        if int(100 * fraction) != shown:
            shown = int(100 * fraction)
            print(f"\r{shown:3d}% {message:<60.60}", end="", flush=True)

    return show


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m models.classic.train", description=__doc__)
    parser.add_argument("name", choices=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--out", type=Path, default=Path("runs"), help="its folder is made in here")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2, help="of the CPU")
    return parser


if __name__ == "__main__":
    sys.exit(main())
