"""Ever new texts and models, and what the server's memory comes to: `python -m tests.benchmarks.ever_new --seconds 600`.

Each turn takes a text that nobody has asked for before and does what a visitor of Explore, Prune and Family does with it. The
resident set is to level off, the budgets of viz/services/kept.py being full.
"""

import argparse
import json
import random
import time

import psutil

from models.shape.family import KINDS
from viz import services
from viz.services import Request, ablations
from viz.services.ablations import Choice
from viz.services.kept import loaded, results

PROSE = (
    "the old man saw a dog and then he ran to his house by the sea when it was late and nobody had told him"
)
PIECES = 10  # that a run is told in
MEGABYTE = 2**20


def visit(name: str, words: int, turn: int) -> None:
    """One text on one model, looked at, with a head off, and with what each token costs."""
    draw = random.Random(turn)
    asked = Request(name, "cpu", f"{' '.join(draw.choices(PROSE.split(), k=words))} {turn}")
    run = services.capture(asked)
    stack = run.stacks[0]
    services.atlas(asked, run, stack)
    services.rollout(asked, run, stack)
    services.token_loss(asked)
    layer = draw.randrange(run.layers(stack))
    head = layer, draw.randrange(run.heads(layer, stack))
    effect = ablations.effect(asked, Choice(stack, (head,)))
    effect.ablation.after.pattern(*head)


def resident_sets(names: list[str], words: int, turns: int, seconds: float) -> list[int]:
    """The highest resident set of each tenth of the run, in bytes. It ends after `turns`, or after `seconds` if over 0."""
    process, began = psutil.Process(), time.monotonic()
    highest: list[int] = [0] * PIECES
    for turn in range(turns):
        gone = (time.monotonic() - began) / seconds if seconds else turn / turns
        if gone >= 1:
            break
        visit(names[turn % len(names)], words, turn)
        piece = int(gone * PIECES)
        highest[piece] = max(highest[piece], process.memory_info().rss)
    return highest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=[f"family-{kind}" for kind in KINDS])
    parser.add_argument("--words", type=int, default=300)
    parser.add_argument("--turns", type=int, default=10**9)
    parser.add_argument("--seconds", type=float, default=0.0)
    options = parser.parse_args()
    highest = resident_sets(options.models, options.words, options.turns, options.seconds)
    kept = {"results": results().nbytes, "models": loaded().nbytes}
    print(json.dumps({"resident": highest, "kept": kept}))


if __name__ == "__main__":
    main()
