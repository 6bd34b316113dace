"""Measure a trained model again, beside its card: `python -m models.training.evaluate family-mha --valid novels.txt`."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.errors import HeadlightError
from models.loading.card import Card
from models.loading.loader import load
from models.loading.source import find
from models.look.capturing import capture
from models.progress import no_progress
from models.run.model import demand_tokenizer
from models.training.head_roles import find_roles
from models.training.texts import read_text
from models.training.validation import validation_loss, windows
from models.training.vocabulary import encode

CANDIDATES = 5


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 where loss and roles are those of the card, 1 where they are not or cannot be measured."""
    parser = argparse.ArgumentParser(prog="python -m models.training.evaluate", description=__doc__)
    parser.add_argument("model", help="a name of the catalogue, or a folder with a card")
    parser.add_argument(
        "--valid", type=Path, nargs="+", required=True, help="the validation texts of its training"
    )
    parser.add_argument("--text", help="show what the model expects behind this text")
    asked = parser.parse_args(arguments)
    try:
        return _compare(asked.model, asked.valid, asked.text)
    except HeadlightError as error:
        print(error, file=sys.stderr)
        return 1


def _compare(name: str, valid: list[Path], text: str | None) -> int:
    card = Card.read(find(name, no_progress).folder)
    model = load(name, device="cpu", dtype="float32")
    rows = windows(encode(demand_tokenizer(model), [read_text(path) for path in valid]))
    loss = validation_loss(model.module, rows)
    roles = find_roles(model)
    print(
        f"validation loss {loss:.4f} nats a token (card {card.validation_loss:.4f}), perplexity {math.exp(loss):.2f}"
    )
    for row in roles:
        print(f"L{row['layer']} H{row['head']} {row['role']} {row['score']:.3f} (chance {row['chance']:.3f})")
    if text is not None:
        expected = capture(model, text, max_tokens=model.geometry.context).top_next(CANDIDATES)
        print("next: " + ", ".join(f"“{one.token}” {one.probability:.3f}" for one in expected))
    agree = abs(loss - card.validation_loss) < 0.01 and _named(roles) == _named(card.roles)
    print("agrees with the card" if agree else "differs from the card")
    return 0 if agree else 1


def _named(roles: Sequence[Mapping[str, Any]]) -> set[tuple[int, int, str]]:
    return {(row["layer"], row["head"], row["role"]) for row in roles}


if __name__ == "__main__":
    sys.exit(main())
