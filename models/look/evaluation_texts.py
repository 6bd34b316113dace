"""Texts that a model is measured on when it must not be the visitor's own sentence, and how they are cut."""

from __future__ import annotations

import re
from pathlib import Path

from models.errors import BadSelection, BadText
from models.run.inputs import check_text, count_tokens
from models.run.model import AttentionModel, tokenizing

# Prose written for Headlight: stories, essays, a letter, some 3,500 tokens. No shipped model was trained on it, and none of
# it is in the calibration text.
EVALUATION = Path(__file__).parent / "evaluation.txt"
TEXT_TOKENS = 256


def evaluation_text() -> str:
    """The prose that comes with Headlight for measuring."""
    return EVALUATION.read_text("utf-8")


def cut_into_texts(
    model: AttentionModel,
    text: str | None = None,
    *,
    tokens: int = TEXT_TOKENS,
    max_tokens: int | None = None,
) -> tuple[str, ...]:
    """A long text (None: the one that comes with Headlight) as texts of at most `tokens` tokens, whole sentences each.

    A sentence that is longer by itself is a text of its own and must be cut by what reads it. max_tokens: stop before there
    are more than that. tokens is lowered to the model's context. Raises BadText where there is nothing to read and for
    what no tokenizer can read, BadSelection.
    """
    if tokens < 2 or (max_tokens is not None and max_tokens < 2):
        raise BadSelection(
            "A text to measure on has two tokens or more, the second being the first foretold."
        )
    whole = evaluation_text() if text is None else text
    check_text(whole)
    if "\x00" in whole or whole.count("\ufffd") > len(whole) // 100:
        raise BadText("This holds bytes that are no text; give plain text in UTF-8.")
    most = min(tokens, model.geometry.context or tokens)
    texts, length, total = [""], 0, 0
    for sentence in _sentences(whole):
        with tokenizing(model) as tokenizer:
            count = len(tokenizer(sentence, verbose=False)["input_ids"])
        if max_tokens is not None and total + count > max_tokens and total:
            break
        if length and length + count > most:
            texts.append("")
            length = 0
        texts[-1] += sentence
        length += count
        total += count
    return tuple(stripped for part in texts if (stripped := part.strip()))


def cut_in_two(
    model: AttentionModel,
    text: str | None = None,
    *,
    tokens: int = TEXT_TOKENS,
    max_tokens: int | None = None,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The beginning of a text, to choose heads on, and what follows, to measure the choice on, as `cut_into_texts` cuts them.

    About as many tokens in each; in shorter texts where there would be but one, and of one sentence in two parts of it. The
    second is empty where nothing can be held out, because one of the two would have nothing to foretell. Raises BadText,
    BadSelection.
    """
    texts = cut_into_texts(model, text, tokens=tokens, max_tokens=max_tokens)
    if len(texts) == 1:
        half = max(count_tokens(model, texts[0], max_tokens=2 * tokens) // 2, 2)
        texts = cut_into_texts(model, text, tokens=half, max_tokens=max_tokens)
    return _parted(model, texts, tokens) or _parted(model, _halves(texts), tokens) or (texts, ())


def _parted(
    model: AttentionModel, texts: tuple[str, ...], tokens: int
) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Where about as much lies before as behind, both with something to foretell; None where there is no such place."""
    counts = [count_tokens(model, text, max_tokens=tokens) for text in texts]
    places = [place for place in range(1, len(texts)) if min(max(counts[:place]), max(counts[place:])) > 1]
    if not places:
        return None
    place = min(places, key=lambda place: abs(sum(counts[:place]) - sum(counts[place:])))
    return texts[:place], texts[place:]


def _halves(texts: tuple[str, ...]) -> tuple[str, ...]:
    """All of it in two, between two words where there are words."""
    whole = " ".join(texts)
    middle = len(whole) // 2
    place = min(
        (gap.start() for gap in re.finditer(r"\s", whole)), key=lambda at: abs(at - middle), default=middle
    )
    return tuple(part for half in (whole[:place], whole[place:]) if (part := half.strip()))


def _sentences(text: str) -> list[str]:
    """In order and with the space behind them, so that put together they are the text again."""
    return re.findall(r"\S.*?(?:[.!?][\"”’)]*\s+|\n\s*|\Z)", text.strip(), flags=re.DOTALL)
