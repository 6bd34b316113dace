"""Special tokens that a tokenizer puts around a text, and which of them a model is to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.run.model import AttentionModel


@dataclass(frozen=True, slots=True)
class Marked:
    """A text's token ids as its tokenizer gives them, and where in them the text itself stands.

    start, stop: of the text. first, last: of what is read: without a beginning that the text brings itself, as a chat
    template's output does, and without an end mark behind a text that is to be continued.
    """

    ids: tuple[int, ...]
    start: int
    stop: int
    first: int
    last: int

    @property
    def begun_twice(self) -> tuple[int, ...]:
        """The marks in front that are left out, for they would stand there twice."""
        return self.ids[: self.first]

    @property
    def ended(self) -> tuple[int, ...]:
        """The marks behind that are left out."""
        return self.ids[self.last :]


def marked(ids: Sequence[int], text: Sequence[int], continued: bool) -> Marked:
    """ids: with the tokenizer's marks; text: the same without. continued: whether a model will write on behind it."""
    ids, text = tuple(ids), tuple(text)
    start = _place(ids, text)
    if start is None:
        return Marked(ids, 0, len(ids), 0, len(ids))
    stop = start + len(text)
    before, behind = ids[:start], ids[stop:]
    twice = bool(before) and text[: len(before)] == before
    ended = bool(behind) and (continued or text[-len(behind) :] == behind)
    return Marked(ids, start, stop, start if twice else 0, stop if ended else len(ids))


def is_continued(model: AttentionModel) -> bool:
    """Whether the model writes on behind the text that it reads."""
    return model.geometry.role == "decoder" and "decoder" in model.plan.stacks and model.module.can_generate()


def _place(ids: tuple[int, ...], text: tuple[int, ...]) -> int | None:
    """Where the text stands between its marks; None where nothing is left of it, or it reads otherwise without them."""
    if not text:
        return None
    starts = range(len(ids) - len(text) + 1)
    return next((start for start in starts if ids[start : start + len(text)] == text), None)
